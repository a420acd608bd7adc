"""SQS from the `ministack` wheel, with the engine's two queues in it.

It is memory with a snapshot: a clean stop writes the queues to the folder and the next start reads them, so
messages, receive counts and the dead-letter queue survive a restart. A kill loses what came since the last
snapshot; then the sweep queues again what Postgres knows was never processed.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .queues import QueueSettings, connect, create_queues
from .server import Server


class Sqs(Server):
    """The emulator, ready once its queues are."""

    name = "SQS"
    stops = ((signal.SIGTERM, 10.0),)

    def __init__(
        self,
        folder: Path,
        credentials: dict[str, str],
        queues: QueueSettings,
        *,
        temporary: bool = False,
        holds: Sequence[int] = (),
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self.queue_url = ""
        self.dead_letter_url = ""
        self._credentials = credentials
        self._queues = queues
        self._mark = secrets.token_hex(8)

    @property
    def version(self) -> str:
        return f"ministack {importlib.metadata.version('ministack')}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout: float = 30) -> None:
        super().start(timeout)
        orders, dead = create_queues(connect(self.url, self._credentials), self._queues)
        # a queue read from a snapshot still has the port of an earlier run in its URL
        self.queue_url, self.dead_letter_url = (self.url + urlsplit(url).path for url in (orders, dead))

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-P", "-m", "ministack"]

    def options(self, port: int) -> dict[str, Any]:
        settings = {
            "PATH": os.environ.get("PATH", os.defpath),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "SERVICES": "sqs",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "snapshot"),
            "TMPDIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # or it listens on a fixed port as well
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # or it tidies up containers at its start
            "MINISTACK_EDITION": self._mark,  # said by its health check: no stranger has it
        }
        return {"env": settings}

    def is_ready(self, port: int, pid: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            answer = json.loads(connection.getresponse().read())
        except (http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        return isinstance(answer, dict) and answer.get("edition") == self._mark
