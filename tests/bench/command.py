"""`bench`: which sides and scenarios, the bar while they run, the table, the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local import ROOT

from . import node
from .engines import Baseline, EngineError, Ours
from .html import page
from .load import LoadError
from .report import notes, table
from .rows import Row, guard_rows, rows
from .run import Sample, Step, run, save
from .scenarios import SCENARIOS, Options, Scenario
from .scenarios.scenario import QUICK, Side

__all__ = ["NAMES", "BenchError", "Wish", "bench"]

NAMES = tuple(SCENARIOS)
TOLERANCE = 0.05


class BenchError(Exception):
    """The measurement can't begin or go on; the message says why."""


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    only: Sequence[str] = NAMES
    quick: bool = False
    rounds: int | None = None
    orders: int | None = None
    clients: int | None = None
    baseline: bool = True
    modes: Sequence[str] = ("ours", "separate")
    against: Path | None = None
    keys: bool = False
    solana: bool = False
    html: Path | None = None
    json: Path | None = None

    @property
    def options(self) -> Options:
        """How much is measured."""
        options = QUICK if self.quick else Options()
        return replace(
            options,
            rounds=self.rounds or options.rounds,
            orders=self.orders or options.orders,
            clients=self.clients or options.clients,
        )

    @property
    def scenarios(self) -> list[Scenario]:
        """Which."""
        return [scenario for name, scenario in SCENARIOS.items() if name in self.only]


def bench(wish: Wish, console: Console) -> bool:
    """Measure and show; whether every figure is what it must be. Raises BenchError, ServiceError."""
    sides = _sides(wish, console)
    samples: list[Sample] = []
    try:
        with _bar(console) as on_step:
            samples.extend(run(wish.scenarios, sides, wish.options, on_step))
    except (LoadError, EngineError) as error:
        raise BenchError(str(error)) from error
    finally:
        found = _rows(wish, samples)
        if found:
            _show(wish, found, samples, console)
    return not any(row.misses_must for row in found)


def _sides(wish: Wish, console: Console) -> list[Side]:
    if wish.against:
        root = wish.against.resolve()
        if not (root / ".venv" / "bin" / "python").exists() or not (root / "local").is_dir():
            raise BenchError(f"{root} is no checkout of the engine with a .venv of its own.")
        return [
            Ours(f"{mode}{suffix}", mode == "separate", where)
            for mode in wish.modes
            for suffix, where in (("-other", root), ("", ROOT))
        ]
    if wish.keys:
        return [
            Ours(f"{mode}{suffix}", mode == "separate", takes_keys=not suffix)
            for mode in wish.modes
            for suffix in ("-other", "")
        ]
    if wish.solana:
        return [
            Ours(f"{mode}{suffix}", mode == "separate", world="simulated" if suffix else "solana")
            for mode in wish.modes
            for suffix in ("-other", "")
        ]
    ours = [Ours(mode, mode == "separate") for mode in wish.modes]
    if not wish.baseline:
        return [*ours]
    try:
        node.install(console.print)
    except node.NodeError as error:
        console.print(f"No baseline: {error}. Ours is measured alone.")
        return [*ours]
    return [Baseline(), *ours]


class _Steps:
    """Moves the bar: one for the turns, one within the turn."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._turns = progress.add_task("", total=None)
        self._within = progress.add_task("", total=None, visible=False)

    def __call__(self, step: Step) -> Callable[[int, int, str], None]:
        title = f"{step.scenario.title}, round {step.round}: {step.side.label}"
        self._progress.update(self._turns, description=title, completed=step.number - 1, total=step.of)
        self._progress.update(self._within, visible=False)
        if not self._console.is_terminal:
            self._console.print(f"[{step.number}/{step.of}] {title}")
        return self._show

    def _show(self, done: int, total: int, what: str) -> None:
        self._progress.update(
            self._within, description=f"  {what}", completed=done, total=total, visible=True
        )


class _bar:
    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._console = console
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> _Steps:
        self._progress.start()
        return _Steps(self._progress, self._console)

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()


def _rows(wish: Wish, samples: Sequence[Sample]) -> list[Row]:
    if wish.against or wish.keys:
        return guard_rows(samples, wish.modes, TOLERANCE)
    if wish.solana:
        return guard_rows(samples, wish.modes, None)
    return rows(samples, wish.options, wish.modes)


def _show(wish: Wish, found: Sequence[Row], samples: Sequence[Sample], console: Console) -> None:
    other = "open" if wish.keys else "simulated" if wish.solana else "baseline"
    if wish.against:
        other = wish.against.resolve().name
    console.print()
    console.print(table(found, other=other))
    console.print(notes(found))
    if wish.json:
        save(wish.json, samples, wish.options)
        console.print(f"figures: {wish.json}")
    if wish.html:
        wish.html.write_text(page(found, samples, other=other))
        console.print(f"report: {wish.html}")
