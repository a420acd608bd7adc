"""Samples → the rows of the table: a figure of each side, their ratio, and what it must and should be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from local.report.statistics import Spread, ratios, spread

from .run import Sample
from .scenarios import Options


@dataclass(frozen=True)
class Bar:
    """A least, or a most."""

    sign: str
    value: float

    def holds(self, value: float) -> bool:
        """Whether `value` is on the right side of it."""
        return value >= self.value if self.sign == "≥" else value <= self.value


@dataclass(frozen=True)
class Source:
    """Where a number comes from."""

    side: str
    scenario: str
    figure: str

    def values(self, samples: Iterable[Sample]) -> list[float]:
        """One a round."""
        return [
            sample.figures[self.figure]
            for sample in samples
            if (sample.side, sample.scenario) == (self.side, self.scenario) and self.figure in sample.figures
        ]


@dataclass(frozen=True)
class Spec:
    """A row to be: `of` over `to`, judged by the ratio; or `of` alone, judged as it is."""

    title: str
    unit: str
    of: Source
    to: Source | None = None
    must: Bar | None = None
    aim: Bar | None = None
    judges_value: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    spec: Spec
    ours: Spread
    baseline: Spread | None
    ratio: Spread | None

    @property
    def judged(self) -> float | None:
        """The number that is held against the bars."""
        if self.spec.judges_value:
            return self.ours.median
        return self.ratio.median if self.ratio else None

    @property
    def misses_must(self) -> bool:
        """Whether it is worse than it must be."""
        return bool(self.spec.must and self.judged is not None and not self.spec.must.holds(self.judged))

    @property
    def reaches_aim(self) -> bool:
        """Whether it is as good as it should be."""
        return bool(self.spec.aim and self.judged is not None and self.spec.aim.holds(self.judged))


MORE, LESS = "≥", "≤"
MODES = {"ours": "", "separate": " (--separate)"}


def rows(samples: Sequence[Sample], options: Options, sides: Sequence[str]) -> list[Row]:
    """The rows there are figures for, against the baseline."""
    specs = [spec for mode in MODES if mode in sides for spec in _specs(mode, options)]
    return list(_filled(specs, samples))


def guard_rows(samples: Sequence[Sample], sides: Sequence[str], tolerance: float | None) -> list[Row]:
    """The rows of a comparison of two engines of ours: none may be worse by more than `tolerance` (0.05)."""
    specs = [
        Spec(
            f"{title}{MODES[mode]}",
            unit,
            Source(mode, scenario, figure),
            Source(f"{mode}-other", scenario, figure),
            *((None, None) if tolerance is None else _bars(sign, tolerance)),
        )
        for mode in MODES
        if mode in sides
        for scenario, figure, title, unit, sign in _guarded(samples)
    ]
    return list(_filled(specs, samples))


def _bars(sign: str, tolerance: float) -> tuple[Bar, Bar]:
    return Bar(sign, 1 - tolerance if sign == MORE else 1 + tolerance), Bar(sign, 1.0)


def _filled(specs: Iterable[Spec], samples: Sequence[Sample]) -> Iterable[Row]:
    for spec in specs:
        ours = spec.of.values(samples)
        if not ours:
            continue
        other = spec.to.values(samples) if spec.to else []
        yield Row(
            spec,
            spread(ours),
            spread(other) if other else None,
            spread(ratios(ours, other)) if other else None,
        )


def _specs(mode: str, options: Options) -> list[Spec]:
    is_one = mode == "ours"

    def ratio(title: str, unit: str, where: tuple[str, str], must: Bar | None, aim: Bar | None) -> Spec:
        return Spec(title + MODES[mode], unit, Source(mode, *where), Source("baseline", *where), must, aim)

    def value(title: str, unit: str, where: tuple[str, str], must: Bar | None, aim: Bar | None) -> Spec:
        return Spec(
            title + MODES[mode], unit, Source(mode, *where), Source("baseline", *where), must, aim, True
        )

    def growth(title: str, scenario: str, big: int, small: int, least: float) -> Spec:
        return Spec(
            title + MODES[mode],
            "orders/s",
            Source(mode, scenario, f"orders_per_s@{big}"),
            Source(mode, scenario, f"orders_per_s@{small}"),
            Bar(MORE, least),
            Bar(MORE, 1.0),
        )

    slowest = Bar(LESS, 1.5 if is_one else 3.0)
    first, last, old = options.backlogs[0], options.backlogs[-1], options.rows
    return [
        ratio(
            f"orders/s, N={options.orders:,}",
            "orders/s",
            ("burst", "orders_per_s"),
            Bar(MORE, 1.0),
            Bar(MORE, 2.0),
        ),
        ratio("submits/s", "submits/s", ("burst", "submits_per_s"), None, None),
        ratio("CPU per 1,000 orders", "s", ("burst", "cpu_s_per_1000"), Bar(LESS, 1.5), Bar(LESS, 0.8)),
        ratio("… engine", "s", ("burst", "cpu_engine"), None, None),
        ratio("… Postgres", "s", ("burst", "cpu_postgres"), None, None),
        ratio("… Redis", "s", ("burst", "cpu_redis"), None, None),
        ratio("… SQS", "s", ("burst", "cpu_sqs"), None, None),
        ratio("peak memory, without Postgres", "MB", ("burst", "peak_mb"), None, None),
        ratio("Redis traffic per order", "kB", ("burst", "redis_kb_per_order"), None, None),
        value("not confirmed", "", ("burst", "not_confirmed"), Bar(LESS, 0), Bar(LESS, 0)),
        value("not swapped exactly once", "", ("burst", "wrong_swaps"), Bar(LESS, 0), Bar(LESS, 0)),
        ratio("p50 at 50/s", "ms", ("latency", "p50_ms"), slowest, Bar(LESS, 1.0)),
        ratio("p99 at 50/s", "ms", ("latency", "p99_ms"), slowest, Bar(LESS, 1.0)),
        ratio("own socket", "orders/s", ("own-socket", "orders_per_s"), Bar(MORE, 1.5), Bar(MORE, 2.0)),
        value("own socket, misses an event", "orders", ("own-socket", "missing"), Bar(LESS, 0), Bar(LESS, 0)),
        value(
            f"{options.at_once} orders at venues' latency, of the ceiling",
            "",
            ("ceiling", "share"),
            Bar(MORE, 0.97),
            Bar(MORE, 0.99),
        ),
        ratio("… service time", "s", ("ceiling", "service_s"), None, None),
        ratio(f"memory of {options.idle:,} idle sockets", "MB", ("sockets", "idle_mb"), None, None),
        ratio("first socket of the crowd", "ms", ("sockets", "first_ms"), None, None),
        ratio(
            f"last of {options.crowd:,} sockets",
            "ms",
            ("sockets", "last_ms"),
            Bar(LESS, 2.0),
            Bar(LESS, 1.0),
        ),
        value(
            "sockets of the crowd without it", "", ("sockets", "crowd_missing"), Bar(LESS, 0), Bar(LESS, 0)
        ),
        growth(f"N={last:,} against N={first:,}", "backlog", last, first, 0.9),
        *(
            value(
                f"queued twice, N={orders:,}",
                "",
                ("backlog", f"queued_again@{orders}"),
                Bar(LESS, 0),
                Bar(LESS, 0),
            )
            for orders in options.backlogs
        ),
        *(
            ratio(
                f"orders/s, N={orders:,}, fresh",
                "orders/s",
                ("backlog", f"orders_per_s@{orders}"),
                None,
                None,
            )
            for orders in options.backlogs
        ),
        growth(f"{old:,} old orders against none", "table", old, 0, 0.95),
        ratio(f"orders/s beside {old:,} old", "orders/s", ("table", f"orders_per_s@{old}"), None, None),
        value(
            f"{options.resting:,} limits at rest, of a core",
            "%",
            ("triggers", "share"),
            Bar(LESS, 20.0),
            Bar(LESS, 20.0),
        ),
        value("… engine", "%", ("triggers", "share_engine"), None, None),
        value("… Postgres", "%", ("triggers", "share_postgres"), None, None),
        value("price there → fired, p50", "ms", ("triggers", "fired_p50_ms"), None, None),
        value(
            f"… last of {options.firing:,}",
            "ms",
            ("triggers", "fired_last_ms"),
            Bar(LESS, 1_000.0),
            Bar(LESS, 1_000.0),
        ),
        value("… not fired", "", ("triggers", "unfired"), Bar(LESS, 0), Bar(LESS, 0)),
        Spec(
            f"an account's p99 beside another's flood, against alone{MODES[mode]}",
            "ms",
            Source(mode, "neighbour", "p99_flooded_ms"),
            Source(mode, "neighbour", "p99_alone_ms"),
            Bar(LESS, 2.0),
            Bar(LESS, 1.5),
        ),
        value("… orders of the flood, taken", "/s", ("neighbour", "flood_taken_per_s"), None, None),
        value("… refused", "/s", ("neighbour", "flood_refused_per_s"), None, None),
    ]


def _guarded(samples: Sequence[Sample]) -> list[tuple[str, str, str, str, str]]:
    """Scenario, figure, title, unit and sign of what no change may make worse, as far as it was measured."""
    found = [
        ("burst", "orders_per_s", "orders/s", "orders/s", MORE),
        ("burst", "submits_per_s", "submits/s", "submits/s", MORE),
        ("burst", "cpu_s_per_1000", "CPU per 1,000 orders", "s", LESS),
        ("burst", "peak_mb", "peak memory", "MB", LESS),
        ("latency", "p50_ms", "p50 at 50/s", "ms", LESS),
        ("latency", "p99_ms", "p99 at 50/s", "ms", LESS),
        ("own-socket", "orders_per_s", "own socket", "orders/s", MORE),
        ("ceiling", "share", "of the ceiling", "", MORE),
        ("sockets", "idle_mb", "idle sockets", "MB", LESS),
        ("sockets", "last_ms", "last of the crowd", "ms", LESS),
        ("triggers", "share", "limits at rest, of a core", "%", LESS),
    ]
    for scenario in ("backlog", "table"):
        names = {name for sample in samples if sample.scenario == scenario for name in sample.figures}
        found += [
            (scenario, name, f"{scenario}, orders/s @ {int(name.partition('@')[2]):,}", "orders/s", MORE)
            for name in sorted(names, key=lambda name: int(name.partition("@")[2] or 0))
            if name.startswith("orders_per_s@")
        ]
    return found


def number(value: float) -> str:
    """Three digits or so, as one reads them."""
    if math.isinf(value):
        return "∞"
    if value and abs(value) < 10:
        return f"{value:.2f}"
    return f"{value:,.1f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"


def shown(spread_: Spread | None) -> str:
    """`median (least–most)`"""
    if spread_ is None:
        return "–"
    if spread_.least == spread_.most:
        return number(spread_.median)
    return f"{number(spread_.median)} ({number(spread_.least)}–{number(spread_.most)})"
