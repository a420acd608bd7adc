"""Metrics as text, as Prometheus reads it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from chalicelib.ports.metrics import METRICS, Kind, Metric, Unit

from .registry import Labels, Rows

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(rows: Rows) -> str:
    """Every metric that has a row."""
    return "".join(f"{line}\n" for metric in METRICS for line in _metric(metric, rows))


def _metric(metric: Metric, rows: Rows) -> Iterator[str]:
    found = {labels: row for (each, labels), row in rows.items() if each is metric}
    if not found:
        return
    yield f"# HELP {metric.exposed} {metric.help}."
    yield f"# TYPE {metric.exposed} {metric.kind}"
    for labels, row in sorted(found.items()):
        if metric.kind is Kind.HISTOGRAM:
            yield from _histogram(metric, labels, row)
        else:
            yield f"{metric.exposed}{_labels(metric, labels)} {_in_base_unit(metric, row[0])}"


def _histogram(metric: Metric, labels: Labels, row: list[float]) -> Iterator[str]:
    *counts, total = row
    bounds = [*(_in_base_unit(metric, bound) for bound in metric.buckets), "+Inf"]
    for bound, count in zip(bounds, accumulate(counts), strict=True):
        yield f"{metric.exposed}_bucket{_labels(metric, labels, le=bound)} {count:.0f}"
    yield f"{metric.exposed}_sum{_labels(metric, labels)} {_in_base_unit(metric, total)}"
    yield f"{metric.exposed}_count{_labels(metric, labels)} {sum(counts):.0f}"


def _labels(metric: Metric, labels: Labels, **more: str) -> str:
    given = {**dict(zip(metric.labels, labels, strict=True)), **more}
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in given.items())
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _in_base_unit(metric: Metric, value: float) -> str:
    return f"{value / 1000 if metric.unit is Unit.MS else value:.12g}"
