"""Connections, subscriptions and delivered seqs in Redis.

A shard has its keys, and a control channel on which its relay is notified of every change:

    client:{client}                          set     the client's connections at the gateway
    relay:{shard}:connections                hash    connection → when it connected (unix ms), and its client
    relay:{shard}:following:{connection}     hash    order → delivered seq
    relay:{shard}:access                     hash    connection → its API key, and what it may do
    relay:{shard}:subscribed                 hash    account → how many subscriptions its connections have
    ticket:{nonce}                           string  the connection that has used a ticket
    relay:{shard}:changes                    string  how many subscriptions were published
    relay:{shard}:lease                      string  the fence of the relay that serves it, with an expiry
    relay:{shard}                            pub/sub {"follow": [connection, order, after], "change": number}
                                                     {"unfollow": [connection, order]}
                                                     {"disconnect": connection}

Keys and messages keep their names: relays of two versions meet during a deployment. Where several gateways
share a Redis, each has keys of its own: {gateway.shard} stands for {shard} and gateway:client for client. So
a relay serves the connections of one gateway, and what a gateway that was killed has left counts at no other.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from dataclasses import dataclass

from redis.asyncio import Redis

from ...domain.account import Access, Account, Caller, Scope
from ...domain.errors import LimitReached
from ...ports.live import Subscription
from .pool import calls
from .subscription_scripts import LONGEST_CONNECTION_S, REMOVE, SUBSCRIBE, UNSUBSCRIBE


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The names of a shard's keys; the braces keep them in one slot of a Redis cluster."""

    shard: int
    gateway: str = ""

    @property
    def control(self) -> str:
        """The channel on which the shard's relay is notified of changes."""
        return f"relay:{{{self.gateway}.{self.shard}}}" if self.gateway else f"relay:{{{self.shard}}}"

    @property
    def connections(self) -> str:
        """When each connection connected, and its client: see `entry`."""
        return f"{self.control}:connections"

    @property
    def access(self) -> str:
        """What each connection may do that was opened with an API key: see `access_entry`."""
        return f"{self.control}:access"

    @property
    def subscribed(self) -> str:
        """How many subscriptions each account has: see subscription_scripts.py."""
        return f"{self.control}:subscribed"

    @property
    def changes(self) -> str:
        """How many subscriptions were published: a relay that knows of fewer has missed one."""
        return f"{self.control}:changes"

    @property
    def lease(self) -> str:
        """The fence of the relay that serves the shard."""
        return f"{self.control}:lease"

    def subscriptions(self, connection_id: str) -> str:
        """A connection's orders, each with its delivered seq."""
        return f"{self.control}:following:{connection_id}"

    def counted(self, connection_id: str) -> tuple[str, str, str]:
        """The keys with which a connection's subscriptions change, and are counted."""
        return self.subscriptions(connection_id), self.access, self.subscribed


def entry(client: str) -> str:
    """The stored value for a connection that opens now."""
    return f"{int(time.time() * 1000)} {client}"


def read_entry(text: str) -> tuple[float, str]:
    """A connection's age in seconds, and its client; empty if the client is unknown."""
    connected_at, _, client = text.partition(" ")
    return time.time() - int(connected_at) / 1000, client


def access_entry(access: Access) -> str:
    """The stored value for what a connection may do."""
    caller = access.caller
    return json.dumps([caller.key_id, caller.account.id, sorted(caller.scopes), access.order_id])


def read_access(text: str) -> Access:
    """What a connection may do."""
    key_id, account, scopes, order_id = json.loads(text)
    return Access(Caller(Account(account), frozenset(map(Scope, scopes)), key_id), order_id)


def client_connections(client: str, gateway: str = "") -> str:
    """The key of a client's set of connections, which its limit counts."""
    return f"client:{gateway}:{client}" if gateway else f"client:{client}"


# Add a connection to its client's set, unless the client is at its limit. Run again when its reply was lost.
ADMIT = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class RedisRegistry:
    """`ports.live.Registry` of one gateway, with `shards` shards, one relay each; the others are limits.

    `subscriptions_per_account` is of each shard, so that no account has more than that of a relay.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        shards: int,
        connections_per_client: int,
        subscriptions_per_connection: int,
        subscriptions_per_account: int = 1_000_000,
        gateway: str = "",
    ) -> None:
        self._call = calls(redis)
        self._gateway = gateway
        self._shards = shards
        self._connections_per_client = connections_per_client
        self._subscriptions_per_connection = subscriptions_per_connection
        self._subscriptions_per_account = subscriptions_per_account

    def shard(self, connection_id: str) -> int:
        return zlib.crc32(connection_id.encode()) % self._shards

    async def connect(self, connection_id: str, client: str, access: Access | None = None) -> None:
        keys, most = self._keys(connection_id), self._connections_per_client
        calls = [
            self._call("EVAL", ADMIT, 1, self._client(client), connection_id, most, LONGEST_CONNECTION_S),
            self._call("HSET", keys.connections, connection_id, entry(client)),
            self._call("EXPIRE", keys.connections, LONGEST_CONNECTION_S),
        ]
        if access is not None:
            calls.append(self._call("HSET", keys.access, connection_id, access_entry(access)))
            calls.append(self._call("EXPIRE", keys.access, LONGEST_CONNECTION_S))
        admitted, *_ = await asyncio.gather(*calls)
        if not admitted:
            await asyncio.gather(
                self._call("HDEL", keys.connections, connection_id),
                self._call("HDEL", keys.access, connection_id),
            )
            raise LimitReached(
                f"A client may have {most} sockets open.", code="TOO_MANY_CONNECTIONS", limit=most
            )

    async def access(self, connection_id: str) -> Access | None:
        found = await self._call("HGET", self._keys(connection_id).access, connection_id)
        return None if found is None else read_access(str(found))

    async def use_once(self, nonce: str, connection_id: str, ttl_ms: int) -> bool:
        # with GET, for a command whose reply is lost is run again
        before = await self._call("SET", f"ticket:{nonce}", connection_id, "NX", "GET", "PX", ttl_ms)
        return before in (None, connection_id)

    async def reserve(self, subscription: Subscription) -> None:
        await self._write(subscription, publish=False)

    async def subscribe(self, subscription: Subscription) -> None:
        await self._write(subscription, publish=True)

    async def _write(self, subscription: Subscription, *, publish: bool) -> None:
        connection_id, order_id = subscription.connection_id, subscription.order_id
        keys = self._keys(connection_id)
        reached = await self._call(
            "EVAL",
            SUBSCRIBE,
            5,
            *keys.counted(connection_id),
            keys.control,
            keys.changes,
            order_id,
            subscription.after,
            connection_id,
            LONGEST_CONNECTION_S,
            self._subscriptions_per_connection,
            self._subscriptions_per_account,
            int(publish),
        )
        if reached:
            of, most = [
                ("A connection", self._subscriptions_per_connection),
                ("An account", self._subscriptions_per_account),
            ][int(reached) - 1]
            raise LimitReached(
                f"{of} may subscribe to {most} orders at a time.",
                code="TOO_MANY_SUBSCRIPTIONS",
                limit=most,
                order_id=order_id,
            )

    async def unsubscribe(self, connection_id: str, order_id: str) -> None:
        keys = self._keys(connection_id)
        await asyncio.gather(
            self._call("EVAL", UNSUBSCRIBE, 3, *keys.counted(connection_id), connection_id, order_id),
            self._call("PUBLISH", keys.control, json.dumps({"unfollow": [connection_id, order_id]})),
        )

    async def disconnect(self, connection_id: str, client: str) -> None:
        keys = self._keys(connection_id)
        await asyncio.gather(
            self._call("SREM", self._client(client), connection_id),
            self._call("EVAL", REMOVE, 4, *keys.counted(connection_id), keys.connections, connection_id),
            self._call("PUBLISH", keys.control, json.dumps({"disconnect": connection_id})),
        )

    async def clear(self) -> None:
        for keys in self._shards_keys():
            known = await self._call("HGETALL", keys.connections)
            clients = {str(name): read_entry(str(text))[1] for name, text in known.items()}
            await asyncio.gather(*(self.disconnect(*connection) for connection in clients.items()))

    async def is_registered(self, connection_id: str) -> bool:
        return bool(await self._call("HEXISTS", self._keys(connection_id).connections, connection_id))

    async def has_relay(self, connection_id: str) -> bool:
        return bool(await self._call("EXISTS", self._keys(connection_id).lease))

    async def shards_without_relay(self) -> list[int]:
        shards = self._shards_keys()
        counts = await asyncio.gather(*(self._call("HLEN", keys.connections) for keys in shards))
        leases = await asyncio.gather(*(self._call("EXISTS", keys.lease) for keys in shards))
        return [
            keys.shard
            for keys, count, lease in zip(shards, counts, leases, strict=True)
            if count and not lease
        ]

    def _keys(self, connection_id: str) -> ShardKeys:
        return ShardKeys(self.shard(connection_id), self._gateway)

    def _shards_keys(self) -> list[ShardKeys]:
        return [ShardKeys(shard, self._gateway) for shard in range(self._shards)]

    def _client(self, client: str) -> str:
        return client_connections(client, self._gateway)
