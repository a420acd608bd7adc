"""What a scenario sees of an engine: where it is, where its servers are, which processes are its own."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..servers import erase
from .program import EngineError, Program

__all__ = ["Engine", "EngineError", "Program"]


class Engine(ABC):
    """A running engine."""

    url: str
    database_url: str
    redis_url: str
    pids: tuple[int, ...]  # whose descendants, with them, are all that it uses

    @abstractmethod
    def queued_again(self) -> int | None:
        """How many messages beyond one an order were queued; None if it can't be known."""

    @abstractmethod
    def wrong_swaps(self, order_ids: list[str]) -> int | None:
        """How many of the orders were not swapped exactly once; None if nothing keeps count."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for an engine's servers, empty and gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="order-engine-bench-"))
    try:
        yield path
    finally:
        erase(path)
        shutil.rmtree(path, ignore_errors=True)
