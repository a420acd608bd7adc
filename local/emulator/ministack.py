"""CloudFormation, Lambda, SQS, S3, API Gateway and Secrets Manager from the `ministack` wheel.

`Ministack` is its process, of which a subclass says which services it wants, and how. `Emulator` runs it in a
virtual environment of its own, and so do the functions that are deployed into it: what they import must be in
their package, or in Lambda's runtime.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..environments import REQUIREMENTS, environment
from ..servers.server import Server

PINNED = re.search(r"^ministack==(\S+)$", REQUIREMENTS["emulator"].read_text(), re.MULTILINE)


class Ministack(Server):
    """The emulator on a port of the loopback."""

    stops = ((signal.SIGTERM, 10.0),)
    python = sys.executable  # of the environment in which it is installed
    settings: dict[str, str]  # what the subclass adds to its environment

    def __init__(self, folder: Path, *, temporary: bool = False, holds: Sequence[int] = ()) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._mark = secrets.token_hex(8)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, port: int) -> list[str]:
        return [self.python, "-P", "-m", "ministack"]

    def options(self, port: int) -> dict[str, Any]:
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "TMPDIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # or it listens on a fixed port as well
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # or it tidies up containers at its start
            "MINISTACK_EDITION": self._mark,  # said by its health check: no stranger has it
        }
        return {"env": environ | self.settings}

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


class Emulator(Ministack):
    """Ready once it answers; empty at every start."""

    name = "AWS emulator"
    settings = {"LAMBDA_EXECUTOR": "local"}  # noqa: RUF012 - never changed

    def __init__(
        self, folder: Path, *, port: int | None = None, temporary: bool = False, holds: Sequence[int] = ()
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self.port = port

    @property
    def version(self) -> str:
        assert PINNED
        return f"ministack {PINNED[1]}"

    def prepare(self) -> None:
        super().prepare()
        self.python = str(environment("emulator") / "python")
