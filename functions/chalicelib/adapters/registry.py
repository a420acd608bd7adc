"""Connections in Redis: who is connected, who follows which order, and how far each has been told.

A shard has three keys and a control channel, on which its relay hears of every change:

    relay:{shard}:connections   hash   connection → when it connected (unix ms)
    relay:{shard}:followings    hash   "connection order" → last seq told
    relay:{shard}:lease         string the fence of the relay that serves the shard, with an expiry
    relay:{shard}               pub/sub
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import dataclass

from redis.asyncio import Redis

from ..services.ports import Following
from .redis_pool import available


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The names of a shard's keys."""

    connections: str
    followings: str
    lease: str
    control: str


def shard_keys(shard: int) -> ShardKeys:
    """The keys of the `shard`-th relay; the braces keep them in one slot of a Redis cluster."""
    name = f"relay:{{{shard}}}"
    return ShardKeys(f"{name}:connections", f"{name}:followings", f"{name}:lease", name)


def field(connection_id: str, order_id: str) -> str:
    """A following's field in the hash."""
    return f"{connection_id} {order_id}"


class RedisRegistry:
    """`services.ports.Registry` over `shards` relays."""

    def __init__(self, redis: Redis, *, shards: int) -> None:
        self._redis = redis
        self._shards = shards

    def shard(self, connection_id: str) -> int:
        return zlib.crc32(connection_id.encode()) % self._shards

    async def connect(self, connection_id: str) -> None:
        keys = self._keys(connection_id)
        now = int(time.time() * 1000)
        await available(lambda: self._redis.hset(keys.connections, connection_id, str(now)))

    async def follow(self, following: Following) -> None:
        """Write it down, unless the connection follows the order already and has been told further."""
        keys = self._keys(following.connection_id)
        name = field(following.connection_id, following.order_id)

        async def write() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hsetnx(keys.followings, name, str(following.after))
                pipeline.publish(
                    keys.control, json.dumps({"follow": [following.connection_id, following.order_id]})
                )
                await pipeline.execute()

        await available(write)

    async def unfollow(self, connection_id: str, order_id: str) -> None:
        keys = self._keys(connection_id)

        async def write() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hdel(keys.followings, field(connection_id, order_id))
                pipeline.publish(keys.control, json.dumps({"unfollow": [connection_id, order_id]}))
                await pipeline.execute()

        await available(write)

    async def disconnect(self, connection_id: str) -> None:
        """Forget the connection; its relay, which knows what it followed, clears the followings."""
        keys = self._keys(connection_id)

        async def write() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hdel(keys.connections, connection_id)
                pipeline.publish(keys.control, json.dumps({"disconnect": connection_id}))
                await pipeline.execute()

        await available(write)

    async def has_relay(self, connection_id: str) -> bool:
        return bool(await available(lambda: self._redis.exists(self._keys(connection_id).lease)))

    async def idle_shards(self) -> list[int]:
        async def read() -> list[int]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for shard in range(self._shards):
                    pipeline.hlen(shard_keys(shard).connections)
                    pipeline.exists(shard_keys(shard).lease)
                counts = await pipeline.execute()
            return [shard for shard in range(self._shards) if counts[2 * shard] and not counts[2 * shard + 1]]

        return list(await available(read))

    def _keys(self, connection_id: str) -> ShardKeys:
        return shard_keys(self.shard(connection_id))
