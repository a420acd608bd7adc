"""The report as one file that needs nothing else: the table, and plots of what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from local import report
from local.report.svg import dots, lines, shares, stacks

from .processes import GROUPS
from .report import cells, style
from .rows import Row
from .run import Sample

LABELS = {"ours": "ours", "separate": "ours --separate", "baseline": "baseline"}


def page(rows: Sequence[Row], samples: Sequence[Sample], *, other: str) -> str:
    """The whole page; `other` is the name of what ours is measured against."""
    body = "".join(
        f'<tr class="{style(row)}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells(row))}</tr>'
        for row in rows
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in ("figure", other, "ours", "ratio", "must", "aim"))
    missed = sum(row.misses_must for row in rows)
    verdict = f"{missed} figures miss what they must be" if missed else "every figure is what it must be"
    return report.page(
        "Bench of the order execution engine",
        f"The engine beside {other}",
        f"{verdict} · medians of the rounds (least–most); a ratio is the median of the rounds’ own ratios; "
        "* ours at the smaller size",
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>",
        _plots(samples, other),
    )


def _plots(samples: Sequence[Sample], other: str) -> Iterator[tuple[str, str]]:
    for title, scenario, figure, unit in (
        ("A burst: orders/s, each round", "burst", "orders_per_s", "/s"),
        ("A burst: submits/s, each round", "burst", "submits_per_s", "/s"),
        ("A socket for each order: orders/s", "own-socket", "orders_per_s", "/s"),
        ("Orders that missed an event on their socket", "own-socket", "missing", ""),
        ("At the venues’ own latency: share of the ceiling", "ceiling", "share", ""),
        ("Idle sockets: memory added", "sockets", "idle_mb", "MB"),
    ):
        found = _figures(samples, scenario, figure, other)
        if found:
            yield title, dots(found, unit)
    cpu = _cpu(samples, other)
    if cpu:
        yield "CPU per 1,000 orders of a burst", stacks(cpu, "s")
    for title, scenario, name, label in (
        ("50 orders/s: created → confirmed", "latency", "took_ms", "ms"),
        ("One order’s event at all sockets of the crowd", "sockets", "arrival_ms", "ms after the event"),
        ("A limit’s price is there → the order has fired", "triggers", "fired_ms", "ms"),
    ):
        series = _series(samples, scenario, name, other)
        if series:
            yield title, lines({key: shares(values) for key, values in series.items()}, label, "%")
    for title, scenario, label, is_log in (
        ("Growth with the backlog: orders/s", "backlog", "orders submitted at once", True),
        ("Growth with the table: orders/s", "table", "old orders", False),
    ):
        growth = _growth(samples, scenario, other)
        if growth:
            yield title, lines(growth, label, "/s", log_x=is_log, marks=True)


def _by_side(samples: Sequence[Sample], scenario: str, other: str) -> Mapping[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.scenario == scenario:
            found.setdefault(_label(sample.side, other), []).append(sample)
    return found


def _label(side: str, other: str) -> str:
    if side.endswith("-other"):
        return LABELS[side.removesuffix("-other")].replace("ours", other)
    return LABELS[side]


def _figures(samples: Sequence[Sample], scenario: str, figure: str, other: str) -> Mapping[str, list[float]]:
    sides = _by_side(samples, scenario, other).items()
    found = {
        label: [sample.figures[figure] for sample in turns if figure in sample.figures]
        for label, turns in sides
    }
    return {label: values for label, values in found.items() if values}


def _cpu(samples: Sequence[Sample], other: str) -> Mapping[str, Mapping[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for group in GROUPS:
        for label, values in _figures(samples, "burst", f"cpu_{group}", other).items():
            found.setdefault(label, {})[group] = median(values)
    return found


def _series(samples: Sequence[Sample], scenario: str, name: str, other: str) -> Mapping[str, list[float]]:
    return {
        label: [value for sample in turns for value in sample.series.get(name, ())]
        for label, turns in _by_side(samples, scenario, other).items()
    }


def _growth(samples: Sequence[Sample], scenario: str, other: str) -> Mapping[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for label, turns in _by_side(samples, scenario, other).items():
        sizes = sorted({int(name.partition("@")[2]) for turn in turns for name in turn.figures})
        found[label] = [
            (size, median([turn.figures[f"orders_per_s@{size}"] for turn in turns])) for size in sizes
        ]
    return found
