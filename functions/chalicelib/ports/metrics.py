"""What is counted for those who operate the engine."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """What whoever operates the engine counts. No method waits, or raises."""

    def confirmed(self, after_ms: float) -> None:
        """An order was filled, so long after it was submitted."""

    def failed(self) -> None:
        """An order has failed for good."""

    def shards_without_relay(self, count: int) -> None:
        """How many shards had connections and no relay."""
