"""The registry of connections in memory."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.domain.account import Access
from chalicelib.domain.errors import LimitReached
from chalicelib.ports.live import Notification, Subscription

from tests.fakes.redis import Redis


class MemoryRegistry:
    """`ports.live.Registry`."""

    def __init__(
        self,
        redis: Redis,
        *,
        shards: int = 1,
        connections_per_client: int = 2000,
        subscriptions_per_connection: int = 5000,
        subscriptions_per_account: int = 20000,
    ) -> None:
        self._redis = redis
        self._shards = shards
        self._connections_per_client = connections_per_client
        self._subscriptions_per_connection = subscriptions_per_connection
        self._subscriptions_per_account = subscriptions_per_account

    def shard(self, connection_id: str) -> int:
        return sum(connection_id.encode()) % self._shards

    async def connect(self, connection_id: str, client: str, access: Access | None = None) -> None:
        await self._redis.reply()
        if len(self._redis.clients[client]) >= self._connections_per_client:
            raise LimitReached(code="TOO_MANY_CONNECTIONS", limit=self._connections_per_client)
        self._redis.clients[client].add(connection_id)
        self._redis.connections[self.shard(connection_id)].add(connection_id)
        if access is not None:
            self._redis.access[connection_id] = access

    async def access(self, connection_id: str) -> Access | None:
        await self._redis.reply()
        return self._redis.access.get(connection_id)

    async def use_once(self, nonce: str, connection_id: str, ttl_ms: int) -> bool:
        await self._redis.reply()
        return self._redis.nonces.setdefault(nonce, connection_id) == connection_id

    async def reserve(self, subscription: Subscription) -> None:
        await self._redis.reply()
        connection_id, order_id = subscription.connection_id, subscription.order_id
        known = self._redis.subscriptions[self.shard(connection_id)]
        if (connection_id, order_id) not in known:
            own = sum(key[0] == connection_id for key in known)
            for count, most in (
                (own, self._subscriptions_per_connection),
                (self._of_account(connection_id, known), self._subscriptions_per_account),
            ):
                if count >= most:
                    raise LimitReached(code="TOO_MANY_SUBSCRIPTIONS", limit=most, order_id=order_id)
        known.setdefault((connection_id, order_id), subscription.after)

    def _of_account(self, connection_id: str, known: Iterable[tuple[str, str]]) -> int:
        access = self._redis.access
        if connection_id not in access:
            return 0
        account = access[connection_id].caller.account
        return sum(of in access and access[of].caller.account == account for of, _ in known)

    async def subscribe(self, subscription: Subscription) -> None:
        await self.reserve(subscription)
        shard = self.shard(subscription.connection_id)
        key = (subscription.connection_id, subscription.order_id)
        after = self._redis.subscriptions[shard][key]
        self._redis.changes[shard] += 1
        subscription = Subscription(*key, after)
        self._redis.notify(shard, Notification(subscribe=subscription, change=self._redis.changes[shard]))

    async def unsubscribe(self, connection_id: str, order_id: str) -> None:
        await self._redis.reply()
        shard, key = self.shard(connection_id), (connection_id, order_id)
        self._redis.subscriptions[shard].pop(key, None)
        self._redis.notify(shard, Notification(unsubscribe=key))

    async def disconnect(self, connection_id: str, client: str) -> None:
        await self._redis.reply()
        self._redis.clients[client].discard(connection_id)
        self._redis.remove_connection(self.shard(connection_id), connection_id)
        self._redis.notify(self.shard(connection_id), Notification(disconnect=connection_id))

    async def clear(self) -> None:
        for connections in [*self._redis.connections.values()]:
            for connection_id in [*connections]:
                await self.disconnect(connection_id, "")

    async def is_registered(self, connection_id: str) -> bool:
        await self._redis.reply()
        return connection_id in self._redis.connections[self.shard(connection_id)]

    async def has_relay(self, connection_id: str) -> bool:
        await self._redis.reply()
        return self.shard(connection_id) in self._redis.leases

    async def shards_without_relay(self) -> list[int]:
        await self._redis.reply()
        busy = (shard for shard, connections in self._redis.connections.items() if connections)
        return sorted(shard for shard in busy if shard not in self._redis.leases)
