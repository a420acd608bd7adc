"""What a scenario is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..engines import Baseline, Ours

Side = Ours | Baseline


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    orders: int = 2_000
    clients: int = 50
    rounds: int = 3
    rate: float = 50.0
    rate_s: float = 10.0
    at_once: int = 100  # orders at the venues' own latency
    idle: int = 1_000
    crowd: int = 1_000
    backlogs: tuple[int, ...] = (2_000, 10_000, 50_000)
    rows: int = 1_000_000
    baseline_backlogs: bool = True
    resting: int = 10_000
    watching_s: float = 20.0  # how long orders at rest are watched, and an engine without
    firing: int = 100
    steady_s: float = 40.0  # how long one account is measured, and beside another


QUICK = Options(
    orders=400,
    rounds=2,
    rate_s=4.0,
    at_once=30,
    idle=200,
    crowd=200,
    backlogs=(400, 2_000),
    rows=50_000,
    baseline_backlogs=False,
    resting=2_000,
    watching_s=5.0,
    firing=30,
    steady_s=10.0,
)


@dataclass(frozen=True)
class Turn:
    """One side's go at a scenario; `show(done, total, what)` moves the bar."""

    side: Side
    options: Options
    show: Callable[[int, int, str], None] = lambda done, total, what: None


@dataclass(frozen=True)
class Measured:
    """Figures by name, and the single values behind them that are worth a plot."""

    figures: dict[str, float]
    series: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """`measure` starts the side's servers and engine, and leaves nothing running."""

    name: str
    title: str
    measure: Callable[[Turn], Measured]
    is_long: bool = False  # minutes a turn: a third of the rounds is enough

    def rounds(self, options: Options) -> int:
        """How often each side has a go."""
        return max(1, options.rounds // 3) if self.is_long else options.rounds
