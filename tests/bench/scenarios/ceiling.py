"""A hundred orders at once, at the venues' own latency: how well the ten places are used.

The ceiling is what ten places would take for these very orders, each as long as it took from its claim (its
step to `routing`) to `confirmed`, each place taking the next order the moment it is free. The share is that
time over the time from the first claim to the last `confirmed`; what is missing to 1 was lost between orders.
`service_s` is the mean of the spans: the venues' own share of it is 2.77 s (the slower of two quotes and a
swap), so it shows what the share does not, time lost within an order.
"""

from __future__ import annotations

from statistics import mean

from .. import load
from ..database import connected, times, wait_until_ended
from ..engines.engine import folder
from ..load import LoadError
from ..statistics import makespan
from .scenario import Measured, Scenario, Turn

PLACES = 10
LATENCY = 1.0
GRACE_S = 120.0


def measure(turn: Turn) -> Measured:
    """All at once."""
    orders = turn.options.at_once
    with (
        folder() as state,
        turn.side.running(state, LATENCY) as engine,
        connected(engine.database_url) as connection,
    ):
        outcome = load.perform(engine.url, "burst", orders=orders, clients=min(orders, 100))
        wait_until_ended(
            connection, outcome["ids"], GRACE_S, lambda done: turn.show(done, orders, "confirmed")
        )
        lives = times(connection, outcome["ids"])
    spans = sorted((life.claimed, life.confirmed) for life in lives if life.claimed and life.confirmed)
    if not spans:
        raise LoadError("no order was confirmed")
    services = [end - begin for begin, end in spans]
    wall = max(end for _, end in spans) - spans[0][0]
    return Measured(
        {
            "share": makespan(services, PLACES) / wall,
            "service_s": mean(services),
            "wall_s": wall,
            "not_confirmed": float(len(lives) - len(spans)),
        },
        {"service_s": services},
    )


SCENARIO = Scenario("ceiling", "Venues' own latency", measure)
