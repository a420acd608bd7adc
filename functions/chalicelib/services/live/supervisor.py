"""Keeping relays going: how one is asked for, and what the schedule does every minute."""

from __future__ import annotations

import asyncio
import logging

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import Registry, RelayLauncher
from ...ports.metrics import Metrics

log = logging.getLogger(__name__)


async def ask_for_relay(launcher: RelayLauncher, shard: int) -> None:
    """Have a relay started for the shard; where that can't be done right now, the schedule asks again.

    Nothing is lost until then: a relay reads what its subscribers have not seen from the store. So it is no
    reason for whoever asks to fail.
    """
    try:
        await launcher.launch(shard)
    except TemporarilyUnavailable as error:
        log.warning("shard %d is without a relay for now: %s", shard, error, exc_info=error)


class RelayKeeper:
    """`await keeper.run()`; two at once are harmless, as a shard's lease lets one relay in."""

    def __init__(self, registry: Registry, launcher: RelayLauncher, metrics: Metrics) -> None:
        self._registry = registry
        self._launcher = launcher
        self._metrics = metrics

    async def run(self) -> list[int]:
        """Ask for a relay for every shard that has connections and none; which those were.

        One that still has none in a minute is counted and asked for again.
        """
        shards = await self._registry.shards_without_relay()
        self._metrics.shards_without_relay(len(shards))
        await asyncio.gather(*(ask_for_relay(self._launcher, shard) for shard in shards))
        return shards
