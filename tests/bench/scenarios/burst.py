"""A burst: so many orders by fifty clients, as fast as they are taken; until the last one is confirmed.

The venues have no latency here, so this is what the engine itself costs. The end is the time that the last
`confirmed` event bears in Postgres, the start is the first submit at the client.
"""

from __future__ import annotations

import redis

from .. import load, processes
from ..database import Times, connected, times, wait_until_ended
from ..engines import Engine
from ..engines.engine import folder
from ..load import LoadError, Outcome
from .scenario import Measured, Scenario, Turn

SLOWEST_PER_S = 100  # orders: below that, a burst is cut off
GRACE_S = 60.0


def measure(turn: Turn) -> Measured:
    """A burst on an empty table."""
    options = turn.options
    with folder() as state, turn.side.running(state) as engine:
        return burst(turn, engine, options.orders, options.clients)


def burst(turn: Turn, engine: Engine, orders: int, clients: int) -> Measured:
    """A burst at a running engine."""
    before, network = processes.cpu(engine.pids), _network(engine.redis_url)
    outcome = load.perform(
        engine.url,
        "burst",
        lambda done: turn.show(done, orders, "submitted"),
        orders=orders,
        clients=clients,
    )
    ids: list[str] = outcome["ids"]
    with connected(engine.database_url) as connection:
        limit = GRACE_S + orders / SLOWEST_PER_S
        left = wait_until_ended(connection, ids, limit, lambda done: turn.show(done, orders, "confirmed"))
        used = _less(processes.cpu(engine.pids), before)
        network = _network(engine.redis_url) - network
        lives = times(connection, ids)
    figures = _pace(lives, outcome) | _cost(used, orders)
    figures |= {f"peak_mb_{group}": mb for group, mb in processes.peak_memory(engine.pids).items()}
    figures["peak_mb"] = sum(processes.peak_memory(engine.pids).values())
    figures["redis_kb_per_order"] = network / orders / 1024
    figures["client_cpu_s_per_1000"] = outcome["cpu"] / orders * 1000
    figures["unfinished"] = left
    figures |= _correctness(engine, ids)
    return Measured(figures)


def _pace(lives: list[Times], outcome: Outcome) -> dict[str, float]:
    confirmed = [life.confirmed for life in lives if life.confirmed]
    if not confirmed:
        raise LoadError("no order was confirmed")
    submitting = outcome["submitted"] - outcome["began"]
    return {
        "orders_per_s": len(confirmed) / (max(confirmed) - outcome["began"]),
        "submits_per_s": len(lives) / submitting,
        "not_confirmed": len(lives) - len(confirmed),
    }


def _cost(used: dict[str, float], orders: int) -> dict[str, float]:
    by_group = {f"cpu_{group}": seconds / orders * 1000 for group, seconds in used.items() if seconds}
    return by_group | {"cpu_s_per_1000": sum(used.values()) / orders * 1000}


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {group: seconds - before[group] for group, seconds in after.items()}


def _correctness(engine: Engine, ids: list[str]) -> dict[str, float]:
    counts = {"queued_again": engine.queued_again(), "wrong_swaps": engine.wrong_swaps(ids)}
    return {name: count for name, count in counts.items() if count is not None}


def _network(redis_url: str) -> int:
    """Bytes that the server has received and sent."""
    with redis.Redis.from_url(redis_url) as client:
        stats = client.info("stats")
    return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])


SCENARIO = Scenario("burst", "Burst", measure)
