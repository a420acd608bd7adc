"""Each order on a socket of its own, opened with the order's id when the submit has been answered.

The venues have no latency, so an engine that only forwards what is published now loses what was before.
"""

from __future__ import annotations

from .. import load
from ..engines.engine import folder
from .scenario import Measured, Scenario, Turn


def measure(turn: Turn) -> Measured:
    """Fifty at a time."""
    options = turn.options
    with folder() as state, turn.side.running(state) as engine:
        outcome = load.perform(
            engine.url,
            "own_sockets",
            lambda done: turn.show(done, options.orders, "confirmed on their sockets"),
            orders=options.orders,
            clients=options.clients,
        )
    return Measured(
        {
            "orders_per_s": options.orders / (outcome["ended"] - outcome["began"]),
            "missing": outcome["missing"],
            "unended": outcome["unended"],
        }
    )


SCENARIO = Scenario("own-socket", "A socket for each order", measure)
