"""The process as one of the engine's servers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ... import ROOT
from ...environments import packages
from ..server import Server, health


class Solana(Server):
    """A Solana node with its maker, on 127.0.0.1; its packages are installed at the first start.

    Times in milliseconds. A folder that was started with another `slot_ms` is refused. With another `seed`
    the blockhashes of its pending transactions are unknown, and those are dropped.
    """

    name = "Solana"
    version = ""  # that of this repository
    stops = ((signal.SIGTERM, 10.0),)

    def __init__(
        self,
        folder: Path,
        *,
        seed: str = "solana",
        slot_ms: int = 400,
        landing_ms: int = 2500,
        faults: str = "",
        temporary: bool = False,
        holds: Sequence[int] = (),
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._settings = {
            "--seed": seed,
            "--slot-ms": slot_ms,
            "--landing-ms": landing_ms,
            "--faults": faults,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wallet(self) -> Path:
        """The file with the trading wallet's key, a JSON array of 64 numbers; it exists once started."""
        return self.folder / "wallet.json"

    def prepare(self) -> None:
        super().prepare()
        packages("solana")

    def command(self, port: int) -> list[str]:
        given = {"--port": port, "--folder": self.folder, **self._settings}
        options = [text for name, value in given.items() for text in (name, str(value))]
        return [sys.executable, "-P", "-m", "local.servers.solana", *options]

    def options(self, port: int) -> dict[str, Any]:
        return {"env": {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}}

    def is_ready(self, port: int, pid: int) -> bool:
        return health(port, "/health").get("pid") == pid
