"""A hundred orders at once, at the venues' own latency: how well the ten places are used.

The ceiling is what ten places would take for these orders if each took the venues' own time, and each place
took the next order the moment it is free. The share is that time over the time from the first claim to the
last `confirmed`: what is missing to 1 was lost within orders or between them. An order's time is measured
from its claim (its step to `routing`) to `confirmed`; `service_s` is the mean, 2.77 s of it the venues'
own. The mean of a hundred draws is off by a per cent now and then, and so is the share.
"""

from __future__ import annotations

from statistics import mean

from local.report.statistics import makespan

from .. import load
from ..database import connected, times, wait_until_ended
from ..engines.engine import folder
from ..load import LoadError
from .scenario import Measured, Scenario, Turn

PLACES = 10
VENUES_S = 0.8 / 3 + 2.5  # the expected slower of two quotes of 0.2 to 0.3 s, and a swap of 2 to 3 s
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
            "share": makespan(services, PLACES) * VENUES_S / mean(services) / wall,
            "service_s": mean(services),
            "wall_s": wall,
            "not_confirmed": float(len(lives) - len(spans)),
        },
        {"service_s": services},
    )


SCENARIO = Scenario("ceiling", "Venues' own latency", measure)
