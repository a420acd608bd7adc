"""SQS on this machine, in process or over HTTP, with messages that survive kill -9.

queue.py     one queue, pure: heaps and lanes             ◀── message.py, lanes.py
broker.py    named queues on a loop, long polls           ◀── named.py
journal.py   the file, and records.py what its lines say
protocol.py  SQS's JSON protocol                          ◀── params.py, moves.py, errors.py
server.py    HTTP, also in the engine's own process (`HostedSqs`); __main__.py the process
access.py    the one access key that it takes

Here is `Sqs`, that process as one of the engine's servers.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ... import ROOT
from ...signatures import AccessKey
from ..queues import DEAD_LETTERS, ORDERS, QueueSettings
from ..server import Server, health
from .access import kept_key


class Sqs(Server):
    """The server on a port of the loopback; ready once its queues are. Without `key` it makes its own."""

    name = "SQS"
    version = ""  # ours, and so this repository's
    stops = ((signal.SIGTERM, 10.0),)

    def __init__(
        self,
        folder: Path,
        region: str,
        queues: QueueSettings,
        *,
        key: AccessKey | None = None,
        temporary: bool = False,
        holds: Sequence[int] = (),
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._region = region
        self._queues = queues
        self._given_key = key
        self.key: AccessKey  # that requests must be signed with, once prepared

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def queue_url(self) -> str:
        """The URL of the queue of orders."""
        return f"{self.url}/000000000000/{ORDERS}"

    @property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue."""
        return f"{self.url}/000000000000/{DEAD_LETTERS}"

    def prepare(self) -> None:
        super().prepare()
        self.key = self._given_key or kept_key(self.folder)

    def command(self, port: int) -> list[str]:
        given = {
            "--port": port,
            "--journal": self.folder / "journal",
            "--region": self._region,
            "--visibility-timeout": self._queues.visibility_timeout,
            "--max-receive-count": self._queues.max_receive_count,
        }
        options = [text for name, value in given.items() for text in (name, str(value))]
        return [sys.executable, "-P", "-m", "local.servers.sqs", *options]

    def options(self, port: int) -> dict[str, Any]:
        environ = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
        return {"env": environ | self.key.environment()}

    def is_ready(self, port: int, pid: int) -> bool:
        return health(port, "/health").get("pid") == pid
