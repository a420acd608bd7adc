"""The table of the rounds, a row each as they end."""

from __future__ import annotations

from collections import Counter

from tests.faults.round import Outcome, Progress
from tests.faults.world import SOLANA_TARGETS

COLUMNS = {
    "round": 5,
    "seed": 8,
    "faults injected": 58,
    "orders": 6,
    "confirmed": 9,
    "failed": 6,
    "cancelled": 9,
    "expired": 7,
    "lost": 4,
    "doubled": 7,
    "stuck": 5,
    "below": 5,
    "seconds": 7,
}
COUNTS = ("confirmed", "failed", "cancelled", "expired", "lost", "doubled", "stuck", "below")


def header() -> str:
    """The names of the columns, and a line."""
    return f"{_line(COLUMNS)}\n{_line('─' * width for width in COLUMNS.values())}"


def row(number: int, outcome: Outcome) -> str:
    """A round."""
    verdict, plan = outcome.verdict, outcome.plan
    counts = [getattr(verdict, name) for name in COUNTS]
    cells = [number, plan.seed, _faults(outcome), len(plan.submits), *counts, f"{outcome.seconds:.1f}"]
    return _line(map(str, cells))


def total(outcomes: list[Outcome]) -> str:
    """All rounds."""
    verdicts = [outcome.verdict for outcome in outcomes]
    counts = [sum(getattr(verdict, name) for verdict in verdicts) for name in COUNTS]
    killed = sum(len(outcome.killed) for outcome in outcomes)
    orders = sum(len(outcome.plan.submits) for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    return _line(map(str, ("all", "", f"{killed} kills", orders, *counts, f"{seconds:.1f}")))


def bar(number: int, rounds: int, progress: Progress, width: int = 20) -> str:
    """How far a round is."""
    done = width * progress.seen // progress.orders
    killed = " ".join(progress.killed)
    return (
        f"round {number}/{rounds} [{'█' * done}{'·' * (width - done)}] "
        f"{progress.taken} taken, {progress.seen} of {progress.orders} seen to the end; killed: {killed}"
    )


def _faults(outcome: Outcome) -> str:
    counts = Counter(outcome.killed)
    return " ".join(
        target if counts[target] == 1 else f"{target}×{counts[target]}"
        for target in SOLANA_TARGETS
        if counts[target]
    )


def _line(cells: object) -> str:
    assert hasattr(cells, "__iter__")
    named = zip(COLUMNS.items(), cells, strict=True)
    return "  ".join(
        cell.ljust(width) if name == "faults injected" else cell.rjust(width) for (name, width), cell in named
    )
