"""What a process has recorded: a row of numbers for each metric and each set of its labels' values.

A counter and a gauge have one number. A histogram has how many values each bucket took, the last one those
above every bound, and then the sum of all values.
"""

from __future__ import annotations

import json
from bisect import bisect_left

from chalicelib.ports.metrics import METRICS, Kind, Metric

Labels = tuple[str, ...]
Rows = dict[tuple[Metric, Labels], list[float]]

BY_NAME = {metric.name: metric for metric in METRICS}


class Registry:
    """`ports.metrics.Metrics` in memory."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.changes = 0

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        self.changes += 1
        row = self.rows.get((metric, labels))
        if row is None:
            row = self.rows[metric, labels] = [0.0] * _width(metric)
        if metric.kind is Kind.COUNTER:
            row[0] += value
        elif metric.kind is Kind.GAUGE:
            row[0] = value
        else:
            row[bisect_left(metric.buckets, value)] += 1
            row[-1] += value

    def add(self, rows: Rows) -> None:
        """Add what others have recorded; of a gauge, which one process records, its value."""
        for key, numbers in rows.items():
            row = self.rows.setdefault(key, [0.0] * len(numbers))
            row[:] = [one + other for one, other in zip(row, numbers, strict=True)]

    def to_json(self) -> str:
        """Every row, for `rows_of`."""
        return json.dumps([[metric.name, labels, row] for (metric, labels), row in self.rows.items()])


def rows_of(text: str) -> Rows:
    """The rows of `to_json`, but for metrics that are other ones in this version. Raises ValueError."""
    found: Rows = {}
    for name, labels, row in json.loads(text):
        metric = BY_NAME.get(name)
        if metric is not None and len(labels) == len(metric.labels) and len(row) == _width(metric):
            found[metric, tuple(labels)] = row
    return found


def _width(metric: Metric) -> int:
    return len(metric.buckets) + 2 if metric.kind is Kind.HISTOGRAM else 1
