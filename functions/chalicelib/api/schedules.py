"""What no client calls: the scheduled sweep, the relays, and the schedule that keeps them running."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .. import runtime

log = logging.getLogger(__name__)

HANDOVER_S = 10.0
"""What a relay keeps of its function's time to hand over in."""


def sweep() -> int:
    """Queue the overdue orders that cannot be in the queue; their number."""
    swept = runtime.run(runtime.current().sweep.run())
    reasons = "".join(f" {reason.replace(' ', '_')}={count}" for reason, count in sorted(swept.items()))
    log.log(logging.WARNING if swept else logging.INFO, "sweep queued=%d%s", swept.total(), reasons)
    return swept.total()


def relay(event: Mapping[str, Any], remaining_s: float) -> dict[str, Any]:
    """Serve a shard, at most until nearly all of the function's time is over; then start the next relay."""
    shard, engine = int(event["shard"]), runtime.current()
    seconds = min(engine.config.relay_seconds, remaining_s - HANDOVER_S)
    again = runtime.run(engine.relay_runner.serve(shard, seconds))
    log.info("shard %d: %s", shard, "the next relay takes over" if again else "nothing is left to do")
    return {"shard": shard, "handedOver": again}


def keep_relays() -> list[int]:
    """Ask for a relay for every shard that has connections and none."""
    shards = runtime.run(runtime.current().relay_supervisor.run())
    log.info("shards whose relay was missing: %s", shards or "none")
    return shards
