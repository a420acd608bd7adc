"""Functions that no client calls: sweep, triggers and supervision of the relays, on a schedule; the relay."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .. import runtime

log = logging.getLogger(__name__)

LAST_PASS_S = 5.0
"""Part of the triggers' time that is left for a pass to end in."""

HANDOVER_S = 10.0
"""Part of the relay function's time that is left for stopping and for requesting the next relay."""


def sweep() -> int:
    """Queue again the orders that cannot be in the queue, and audit the chain; returns how many it queued."""
    engine = runtime.current()
    swept = runtime.run(engine.sweep.run())
    if engine.audit is not None:
        runtime.run(engine.audit.run())
    reasons = "".join(f" {reason.replace(' ', '_')}={count}" for reason, count in sorted(swept.items()))
    log.log(logging.WARNING if swept else logging.DEBUG, "sweep queued=%d%s", swept.total(), reasons)
    return swept.total()


def fire_orders(detail: Mapping[str, Any], remaining_s: float) -> dict[str, int]:
    """Fire and expire orders until nearly all of the function's time is over; returns how many.

    `detail` of the event names the shard; without one the runs of the others are started as well.
    """
    engine, shard = runtime.current(), int(detail.get("shard", 0))
    seconds = min(engine.config.trigger_seconds, remaining_s - LAST_PASS_S)
    if "shard" not in detail:
        runtime.run(engine.trigger_runs.launch_others())
    done = runtime.run(engine.trigger_runs.run(shard, seconds))
    if done.fired or done.expired:
        log.info("triggers: ended shard=%d fired=%d expired=%d", shard, done.fired, done.expired)
    return {"fired": done.fired, "expired": done.expired}


def relay(event: Mapping[str, Any], remaining_s: float) -> dict[str, Any]:
    """Serve a shard until nearly all of the function's time is over, then request the next relay."""
    shard, engine = int(event["shard"]), runtime.current()
    seconds = min(engine.config.relay_seconds, remaining_s - HANDOVER_S)
    handed_over = runtime.run(engine.relay_runner.serve(shard, seconds))
    log.info("relay: ended shard=%d handed_over=%s", shard, handed_over)
    return {"shard": shard, "handedOver": handed_over}


def keep_relays() -> list[int]:
    """Request a relay for every shard that has connections and no relay; returns those shards."""
    shards = runtime.run(runtime.current().relay_supervisor.run())
    log.log(logging.INFO if shards else logging.DEBUG, "relay: requested on schedule shards=%s", shards)
    return shards
