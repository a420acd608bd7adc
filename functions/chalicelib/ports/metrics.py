"""Operational metrics."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Operational metrics. Methods never block and never raise."""

    def confirmed(self, after_ms: float | None) -> None:
        """An order was confirmed, `after_ms` milliseconds after it was submitted; None if it had rested."""

    def failed(self) -> None:
        """An order has failed after its last attempt."""

    def fired(self, count: int) -> None:
        """This many resting orders were fired."""

    def expired(self, count: int) -> None:
        """This many orders have ended because their time was over."""

    def cancelled(self, count: int) -> None:
        """This many orders were cancelled by their client."""

    def shards_without_relay(self, count: int) -> None:
        """This many shards have connections and no relay."""
