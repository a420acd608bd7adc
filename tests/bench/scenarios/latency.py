"""What an order takes when the engine is far from busy: fifty a second, venues without latency.

From `created_at` to the time of the `confirmed` event, both as Postgres has them: what the engine adds to the
time that the venues need.
"""

from __future__ import annotations

from local.report.statistics import percentile

from .. import load
from ..database import connected, times, wait_until_ended
from ..engines.engine import folder
from ..load import LoadError
from .scenario import Measured, Scenario, Turn

WARM_UP = 20  # orders before, not counted: the first ones open connections
GRACE_S = 60.0


def measure(turn: Turn) -> Measured:
    """Orders at a rate."""
    options = turn.options
    orders = round(options.rate * options.rate_s)
    with folder() as state, turn.side.running(state) as engine, connected(engine.database_url) as connection:
        warm: list[str] = load.perform(engine.url, "burst", orders=WARM_UP, clients=5)["ids"]
        wait_until_ended(connection, warm, GRACE_S)
        outcome = load.perform(
            engine.url,
            "steady",
            lambda done: turn.show(done, orders, "submitted"),
            orders=orders,
            rate=options.rate,
        )
        wait_until_ended(connection, outcome["ids"], GRACE_S)
        lives = times(connection, outcome["ids"])
    took = sorted((life.confirmed - life.created) * 1000 for life in lives if life.confirmed)
    if not took:
        raise LoadError("no order was confirmed")
    figures = {
        "p50_ms": percentile(took, 0.5),
        "p99_ms": percentile(took, 0.99),
        "rate_per_s": len(lives) / (outcome["submitted"] - outcome["began"]),
        "not_confirmed": float(len(lives) - len(took)),
    }
    return Measured(figures, {"took_ms": took})


SCENARIO = Scenario("latency", "Latency", measure)
