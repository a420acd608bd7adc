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

FOLD_AT = 200  # values
BY_NAME = {metric.name: metric for metric in METRICS}


class Registry:
    """`ports.metrics.Metrics` in memory."""

    def __init__(self) -> None:
        self._rows: Rows = {}
        self._waiting: list[tuple[Metric, float, Labels]] = []
        self.changes = 0  # at the last time that rows were asked for

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        self._waiting.append((metric, value, labels))  # between two steps of an order, little is to be done
        if len(self._waiting) >= FOLD_AT:
            self._fold()

    @property
    def rows(self) -> Rows:
        """What was recorded until now."""
        self._fold()
        return self._rows

    def add(self, rows: Rows) -> None:
        """Add what others have recorded; of a gauge, which one process records, its value."""
        self._fold()
        for key, numbers in rows.items():
            row = self._rows.setdefault(key, [0.0] * len(numbers))
            row[:] = [one + other for one, other in zip(row, numbers, strict=True)]

    def to_json(self) -> str:
        """Every row, for `rows_of`."""
        return json.dumps([[metric.name, labels, row] for (metric, labels), row in self.rows.items()])

    def _fold(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.changes += len(waiting)
        for metric, value, labels in waiting:
            row = self._rows.get((metric, labels))
            if row is None:
                row = self._rows[metric, labels] = [0.0] * _width(metric)
            if metric.kind is Kind.COUNTER:
                row[0] += value
            elif metric.kind is Kind.GAUGE:
                row[0] = value
            else:
                row[bisect_left(metric.buckets, value)] += 1
                row[-1] += value


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
