"""Who is asked for relays, and launches none."""

from __future__ import annotations


class MemoryLauncher:
    """`services.ports.RelayLauncher`: the shards it was asked for."""

    def __init__(self) -> None:
        self.launched: list[int] = []

    async def launch(self, shard: int) -> None:
        self.launched.append(shard)
