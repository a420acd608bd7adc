"""Ten thousand limit orders at rest over twenty pairs: what watching them costs, and how soon one fires.

The cost is CPU time while nothing fires, less that of the same engine without orders, over equal times. Then
orders come whose price is not there yet, a few a second; the market is simulated, so the time at which each
price comes is known (`resting.py`). An order has fired at the time that its `pending` event bears.
"""

from __future__ import annotations

import time

from local.report.statistics import percentile

from .. import load, processes
from ..database import Connection, connected, wait_until_fired
from ..engines import Baseline, Engine
from ..engines.engine import folder
from ..engines.ours import SEED
from ..load import LoadError
from ..resting import Prices
from .scenario import Measured, Scenario, Turn

FIRST_AFTER_MS = 5_000  # a price comes: by then its order is found and submitted
SETTLES_S = 2.0
GRACE_S = 30.0


def measure(turn: Turn) -> Measured:
    """Both; nothing of the baseline, which has no such orders."""
    if isinstance(turn.side, Baseline):
        return Measured({})
    with folder() as state, turn.side.running(state) as engine, connected(engine.database_url) as connection:
        idle = _share(turn, engine, "idle")
        _fill(turn, engine, connection)
        resting = _share(turn, engine, "resting")
        fired = _fire(turn, engine, connection)
    figures = {f"share_{group}": resting[group] - idle[group] for group in ("engine", "postgres")}
    figures["share"] = sum(resting.values()) - sum(idle.values())
    return Measured(figures | fired.figures, fired.series)


def _share(turn: Turn, engine: Engine, what: str) -> dict[str, float]:
    """The per cent of a core that each group of processes uses."""
    time.sleep(SETTLES_S)
    turn.show(0, 1, f"{what}, {turn.options.watching_s:g} s")
    before, began = processes.cpu(engine.pids), time.monotonic()
    time.sleep(turn.options.watching_s)
    after, took = processes.cpu(engine.pids), time.monotonic() - began
    return {group: 100 * (used - before[group]) / took for group, used in after.items()}


def _fill(turn: Turn, engine: Engine, connection: Connection) -> None:
    bodies = Prices(SEED).far(turn.options.resting, _now_ms())
    load.perform(
        engine.url,
        "batches",
        lambda done: turn.show(done, len(bodies), "resting"),
        orders=bodies,
        clients=turn.options.clients,
    )
    connection.execute("VACUUM ANALYZE")  # else Postgres itself does so in the middle
    connection.execute("CHECKPOINT")


def _fire(turn: Turn, engine: Engine, connection: Connection) -> Measured:
    now_ms = _now_ms()
    coming = Prices(SEED).coming(turn.options.firing, now_ms + FIRST_AFTER_MS, now_ms)
    outcome = load.perform(engine.url, "batches", orders=[order.body for order in coming], clients=1)
    submitted = time.time()
    due = {
        order_id: order.at
        for order_id, order in zip(outcome["ids"], coming, strict=True)
        if order.at > submitted  # on a busy machine a price may come before its order
    }
    fired = wait_until_fired(
        connection, [*due], coming[-1].at + GRACE_S, lambda done: turn.show(done, len(due), "fired")
    )
    took = sorted((fired[order_id] - at) * 1000 for order_id, at in due.items() if order_id in fired)
    if not took:
        raise LoadError("no order was fired")
    figures = {
        "fired_p50_ms": percentile(took, 0.5),
        "fired_last_ms": took[-1],
        "fired_first_ms": took[0],
        "unfired": float(len(due) - len(took)),
    }
    return Measured(figures, {"fired_ms": took})


def _now_ms() -> int:
    return int(time.time() * 1000)


SCENARIO = Scenario("triggers", "Resting orders", measure)
