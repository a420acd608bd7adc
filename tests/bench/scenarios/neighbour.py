"""An account that submits a few orders a second: alone, and beside one that sends as many as it can.

Limits and venues are as by default. The flood offers twice the rate that its account may have, and is
refused the rest: its orders come far faster than ten places can work them off, and its backlog grows all the
while. Of the other account it is counted from its request to the time of the `confirmed` event.
"""

from __future__ import annotations

import time
from dataclasses import replace

from local.report.statistics import percentile

from .. import load
from ..database import Connection, connected, times, wait_until_ended
from ..engines import Baseline, Engine
from ..engines.engine import folder
from ..engines.ours import new_key
from ..load import LoadError
from .scenario import Measured, Scenario, Turn

LATENCY = 1.0  # of the venues: some 3 s an order, three orders a second
RATE = 1.0  # orders a second: less than half of that
FLOOD = 200.0  # submits a second, of which RATE_LIMIT_PER_S is 100
FLOOD_ADDRESS = "127.0.0.2"  # another than the other account's, for addresses are limited as well
WARM_UP = 20
GRACE_S = 60.0
DEFAULTS = {"RATE_LIMIT_PER_S": "", "RATE_BURST": "", "MAX_OUTSTANDING_ORDERS": ""}


def measure(turn: Turn) -> Measured:
    """Both; nothing of the baseline, which has no accounts."""
    if isinstance(turn.side, Baseline):
        return Measured({})
    side = replace(turn.side, takes_keys=True)
    with (
        folder() as state,
        side.running(state, LATENCY, DEFAULTS) as engine,
        connected(engine.database_url) as connection,
    ):
        warm: list[str] = load.perform(engine.url, "burst", orders=WARM_UP, clients=5)["ids"]
        wait_until_ended(connection, warm, GRACE_S)
        alone = _took(turn, engine, connection, "alone")
        began = time.monotonic()
        with load.flood(engine.url, FLOOD, new_key(state, "flood"), FLOOD_ADDRESS) as flood:
            flooded = _took(turn, engine, connection, "beside a flood")
        flooded_s = time.monotonic() - began
    figures = {
        "p50_alone_ms": percentile(alone, 0.5),
        "p99_alone_ms": percentile(alone, 0.99),
        "p50_flooded_ms": percentile(flooded, 0.5),
        "p99_flooded_ms": percentile(flooded, 0.99),
        "flood_taken_per_s": flood["taken"] / flooded_s,
        "flood_refused_per_s": flood["refused"] / flooded_s,
    }
    return Measured(figures, {"alone_ms": alone, "flooded_ms": flooded})


def _took(turn: Turn, engine: Engine, connection: Connection, what: str) -> list[float]:
    """How long each order of the steady account took, in ms."""
    orders = round(RATE * turn.options.steady_s)
    outcome = load.perform(
        engine.url, "steady", lambda done: turn.show(done, orders, what), orders=orders, rate=RATE
    )
    sent = dict(zip(outcome["ids"], outcome["sent"], strict=True))
    wait_until_ended(connection, [*sent], GRACE_S)
    lives = times(connection, [*sent])
    took = sorted((life.confirmed - sent[life.order_id]) * 1000 for life in lives if life.confirmed)
    if len(took) < orders:
        raise LoadError(f"{orders - len(took)} orders were not confirmed ({what})")
    return took


SCENARIO = Scenario("neighbour", "Beside another account's flood", measure)
