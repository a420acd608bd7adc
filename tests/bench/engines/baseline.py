"""The Node engine in `baseline/`, with a Postgres and a Valkey of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import node
from ..servers import Pair, postgres_and_redis
from .engine import Engine, Program


@dataclass(frozen=True)
class Baseline:
    """How to start it."""

    key: str = "baseline"
    label: str = "baseline"

    @contextmanager
    def running(self, state: Path, latency: float = 0.0) -> Iterator[Engine]:
        """Start it on a folder; it runs while the block does. Raises EngineError."""
        with postgres_and_redis(state) as pair:
            environ = {
                "NODE_ENV": "production",
                "DATABASE_URL": pair.database_url,
                "REDIS_URL": pair.redis_url,
                "PORT": "0",
                "LATENCY": f"{latency:g}",
            }
            command = [shutil.which("node") or "node", "server.js"]
            program = Program(command, environ, node.FOLDER, state / "engine.log")
            try:
                yield _Running(program, pair)
            finally:
                program.stop()


class _Running(Engine):
    def __init__(self, program: Program, pair: Pair) -> None:
        self.url = program.url()
        self.database_url = pair.database_url
        self.redis_url = pair.redis_url
        self.pids = (program.pid, *pair.pids)

    def queued_again(self) -> int | None:
        """Nothing says so."""
        return None

    def wrong_swaps(self, order_ids: list[str]) -> int | None:
        """Nothing keeps count."""
        return None
