"""A thousand sockets: what they cost while nothing happens, and how long one order's event takes to the last.

The crowd is there before the order ends: its venues are three times as slow as they are by default. An
event's way begins at the time it bears in Postgres.
"""

from __future__ import annotations

import time

from .. import load, processes
from ..database import connected, times, wait_until_ended
from ..engines import Engine
from ..engines.engine import folder
from ..load import LoadError
from .scenario import Measured, Scenario, Turn

LATENCY = 3.0
GRACE_S = 60.0
SETTLES_S = 1.0  # until what the handshakes needed is free again
PATH = "/api/orders/execute?orderId="


def measure(turn: Turn) -> Measured:
    """Both, with an engine for each."""
    with folder() as state, turn.side.running(state) as engine:
        figures = _idle(turn, engine)
    with folder() as state, turn.side.running(state, LATENCY) as engine:
        crowd = _crowd(turn, engine)
    return Measured(figures | crowd.figures, crowd.series)


def _idle(turn: Turn, engine: Engine) -> dict[str, float]:
    """Sockets on an order that has ended long ago."""
    order_ids: list[str] = load.perform(engine.url, "burst", orders=20, clients=5)["ids"]
    with connected(engine.database_url) as connection:
        wait_until_ended(connection, order_ids, GRACE_S)
    with load.idle_sockets(engine.url, PATH + order_ids[0], 10):
        before = sum(processes.memory(engine.pids).values())
    turn.show(0, turn.options.idle, "idle sockets")
    with load.idle_sockets(engine.url, PATH + order_ids[0], turn.options.idle):
        time.sleep(SETTLES_S)
        added = sum(processes.memory(engine.pids).values()) - before
    return {"idle_mb": added, "idle_kb_per_socket": added * 1024 / turn.options.idle}


def _crowd(turn: Turn, engine: Engine) -> Measured:
    """All on one order."""
    sockets = turn.options.crowd
    turn.show(0, sockets, "sockets on one order")
    outcome = load.perform(engine.url, "crowd", sockets=sockets)
    arrivals: list[float] = outcome["arrivals"]
    with connected(engine.database_url) as connection:
        wait_until_ended(connection, outcome["ids"], GRACE_S)
        confirmed = times(connection, outcome["ids"])[0].confirmed
    if not confirmed or not arrivals:
        raise LoadError("the order did not end, or no socket saw it")
    if outcome["opened"] > confirmed:
        raise LoadError("the sockets were not open before the order had ended: this machine is too busy")
    return Measured(
        {
            "first_ms": (arrivals[0] - confirmed) * 1000,
            "last_ms": (arrivals[-1] - confirmed) * 1000,
            "crowd_missing": float(sockets - len(arrivals)),
        },
        {"arrival_ms": [(arrival - confirmed) * 1000 for arrival in arrivals]},
    )


SCENARIO = Scenario("sockets", "A thousand sockets", measure)
