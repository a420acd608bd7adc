"""A launcher that records requests and starts no relay."""

from __future__ import annotations

from chalicelib.domain.errors import TemporarilyUnavailable


class MemoryLauncher:
    """`ports.live.ShardLauncher`: the shards requested; a shard in `refused` is unavailable."""

    def __init__(self) -> None:
        self.launched: list[int] = []
        self.refused: set[int] = set()

    async def launch(self, shard: int) -> None:
        if shard in self.refused:
            raise TemporarilyUnavailable("No relay can be started right now.")
        self.launched.append(shard)
