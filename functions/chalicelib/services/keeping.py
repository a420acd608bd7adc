"""Keeping relays going: what the schedule does every minute."""

from __future__ import annotations

from .ports import Metrics, Registry, RelayLauncher


class RelayKeeper:
    """`await keeper.run()`; two at once are harmless, as a shard's lease lets one relay in."""

    def __init__(self, registry: Registry, launcher: RelayLauncher, metrics: Metrics) -> None:
        self._registry = registry
        self._launcher = launcher
        self._metrics = metrics

    async def run(self) -> list[int]:
        """Start a relay for every shard that has connections and none; which those were."""
        shards = await self._registry.idle_shards()
        self._metrics.shards_without_relay(len(shards))
        for shard in shards:
            await self._launcher.launch(shard)
        return shards
