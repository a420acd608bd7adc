"""A relay's channel in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chalicelib.ports.live import Notification, Subscription

from tests.fakes.redis import Redis


class MemoryChannel:
    """`ports.live.Channel`; a lease lasts until it is released or taken by `Redis.leases`."""

    def __init__(self, redis: Redis, shard: int, fence: str) -> None:
        self._redis = redis
        self.shard = shard
        self.fence = fence
        self.listening: set[str] = set()
        self._unsaved: dict[tuple[str, str], int] = {}
        self.notification_queue: asyncio.Queue[Notification] = asyncio.Queue()

    async def acquire(self) -> bool:
        self._redis._reach()
        acquired = self._redis.leases.setdefault(self.shard, self.fence) == self.fence
        self._save()
        return acquired

    async def release(self) -> None:
        self._redis._reach()
        if self._redis.leases.get(self.shard) == self.fence:
            del self._redis.leases[self.shard]

    async def subscriptions(self) -> list[Subscription]:
        self._redis._reach()
        self._redis.subscription_reads += 1
        return [Subscription(*key, after) for key, after in self._redis.subscriptions[self.shard].items()]

    async def changes(self) -> int:
        self._redis._reach()
        return self._redis.changes[self.shard]

    async def connections(self) -> int:
        self._redis._reach()
        return len(self._redis.connections[self.shard])

    async def remove_connection(self, connection_id: str) -> None:
        self._redis._reach()
        self._redis.remove_connection(self.shard, connection_id)

    async def keys(self) -> dict[str, str]:
        self._redis._reach()
        access, connections = self._redis.access, self._redis.connections[self.shard]
        return {name: found.caller.key_id for name, found in access.items() if name in connections}

    async def listen(self, order_id: str) -> None:
        self.listening.add(order_id)

    async def unlisten(self, order_id: str) -> None:
        self.listening.discard(order_id)

    async def notifications(self) -> AsyncGenerator[Notification]:
        self._redis.channels.add(self)
        try:
            yield Notification(missed=True)
            while True:
                yield await self.notification_queue.get()
        finally:
            self._redis.channels.discard(self)

    def save_position(self, subscription: Subscription) -> None:
        self._unsaved[subscription.connection_id, subscription.order_id] = subscription.after
        self._save()

    async def settled(self) -> None:
        self._save()

    async def restore(self, subscriptions: Sequence[Subscription]) -> None:
        known = self._mine()
        for item in subscriptions:
            if self._redis.leases.get(self.shard) == self.fence:
                self._redis.connections[self.shard].add(item.connection_id)
            known.setdefault((item.connection_id, item.order_id), item.after)

    async def remove_subscription(self, connection_id: str, order_id: str) -> None:
        self._unsaved.pop((connection_id, order_id), None)
        self._mine().pop((connection_id, order_id), None)

    def _save(self) -> None:
        """Store the positions, unless Redis is unavailable: then they are stored by a later call."""
        if self._redis.unavailable:
            return
        known = self._mine()
        known |= {key: after for key, after in self._unsaved.items() if key in known}
        self._unsaved.clear()

    def _mine(self) -> dict[tuple[str, str], int]:
        """The shard's subscriptions while the lease is held, else a dictionary that is dropped."""
        self._redis._reach()
        held = self._redis.leases.get(self.shard) == self.fence
        return self._redis.subscriptions[self.shard] if held else {}
