"""Operational metrics."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Operational metrics. Methods never block and never raise."""

    def confirmed(self, after_ms: float) -> None:
        """An order was confirmed, `after_ms` milliseconds after it was submitted."""

    def failed(self) -> None:
        """An order has failed after its last attempt."""

    def shards_without_relay(self, count: int) -> None:
        """This many shards have connections and no relay."""
