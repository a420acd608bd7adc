"""Supervision of relays: requesting one for a shard, running them in this process, and the schedule.

a client connects, or a relay's time is up ─▶ request_relay ─▶ the relay function ─▶ RelayRunner.serve
every minute: RelaySupervisor.run ────────────────▲
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import Registry, ShardLauncher
from ...ports.metrics import WITHOUT_RELAY, Metrics
from .relay import Relay

log = logging.getLogger(__name__)


async def request_relay(launcher: ShardLauncher, shard: int) -> None:
    """Start a relay for the shard; if that fails, the schedule tries again within a minute.

    A failure is not the caller's: events wait in the store until a relay delivers them.
    """
    try:
        await launcher.launch(shard)
    except TemporarilyUnavailable as error:
        log.warning(
            "relay: cannot start, retrying on schedule shard=%d error=%r", shard, error, exc_info=error
        )


class RelayRunner:
    """Relays of this process; `build` makes a new one for a shard."""

    def __init__(self, build: Callable[[int], Relay], launcher: ShardLauncher) -> None:
        self._build = build
        self._launcher = launcher
        self._running: dict[asyncio.Task[bool], Relay] = {}

    async def serve(self, shard: int, seconds: float) -> bool:
        """Serve a shard for `seconds`, then request its next relay if one is needed; True if it was."""
        relay = self._build(shard)
        running = asyncio.create_task(relay.run(seconds))
        self._running[running] = relay
        running.add_done_callback(self._running.pop)
        needed = await running
        if needed:
            await request_relay(self._launcher, shard)
        return needed

    async def caught_up(self) -> None:
        """Return once every event stored by now has been delivered to the subscribers of its order."""
        await asyncio.gather(*(relay.caught_up() for relay in self._running.values()))

    async def close(self) -> None:
        """Stop the relays that are running."""
        running = [*self._running]
        for relay in running:
            relay.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class RelaySupervisor:
    """Restarts missing relays. Two runs at once are harmless: a shard's lease admits one relay."""

    def __init__(self, registry: Registry, launcher: ShardLauncher, metrics: Metrics) -> None:
        self._registry = registry
        self._launcher = launcher
        self._metrics = metrics

    async def run(self) -> list[int]:
        """Request a relay for every shard that has connections and no relay; returns those shards.

        A shard that is still without a relay at the next run is counted and requested again.
        """
        shards = await self._registry.shards_without_relay()
        self._metrics.record(WITHOUT_RELAY, len(shards))
        await asyncio.gather(*(request_relay(self._launcher, shard) for shard in shards))
        return shards
