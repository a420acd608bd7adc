"""Metrics that are only counted."""

from __future__ import annotations

from chalicelib.ports.metrics import Metric


class MemoryMetrics:
    """`ports.metrics.Metrics`: what was recorded."""

    def __init__(self) -> None:
        self.recorded: list[tuple[Metric, float, tuple[str, ...]]] = []

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        assert len(labels) == len(metric.labels)
        self.recorded.append((metric, value, labels))

    def values(self, metric: Metric, first_label: str | None = None) -> list[float]:
        """Each value of a metric, or of those with this first label."""
        return [
            value
            for found, value, labels in self.recorded
            if found is metric and first_label in (None, *labels[:1])
        ]
