"""Metrics that are only counted."""

from __future__ import annotations


class MemoryMetrics:
    """`ports.metrics.Metrics`: what was counted."""

    def __init__(self) -> None:
        self.confirmed_after_ms: list[float | None] = []
        self.failures = self.fires = self.expiries = self.cancels = 0
        self.without_relay: list[int] = []

    def confirmed(self, after_ms: float | None) -> None:
        self.confirmed_after_ms.append(after_ms)

    def failed(self) -> None:
        self.failures += 1

    def fired(self, count: int) -> None:
        self.fires += count

    def expired(self, count: int) -> None:
        self.expiries += count

    def cancelled(self, count: int) -> None:
        self.cancels += count

    def shards_without_relay(self, count: int) -> None:
        self.without_relay.append(count)
