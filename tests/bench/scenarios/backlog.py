"""Growth with the backlog: a burst of 2,000, 10,000 and 50,000 orders, each at fresh servers."""

from __future__ import annotations

from ..engines import Baseline
from ..engines.engine import folder
from .burst import burst
from .scenario import Measured, Scenario, Turn


def measure(turn: Turn) -> Measured:
    """One after the other; a figure's name ends with `@` and the number of orders."""
    options = turn.options
    backlogs = options.backlogs
    if isinstance(turn.side, Baseline) and not options.baseline_backlogs:
        backlogs = backlogs[:1]
    figures: dict[str, float] = {}
    for orders in backlogs:
        with folder() as state, turn.side.running(state) as engine:
            measured = burst(turn, engine, orders, options.clients)
        figures |= {f"{name}@{orders}": value for name, value in measured.figures.items()}
    return Measured(figures)


SCENARIO = Scenario("backlog", "Growth with the backlog", measure, is_long=True)
