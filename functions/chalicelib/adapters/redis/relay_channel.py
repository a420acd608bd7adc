"""A relay's side of Redis: the shard's lease, its stored subscriptions, and pub/sub.

When the pub/sub connection breaks or falls silent, `notifications` subscribes every channel again and then
yields a notification that says messages may have been missed. A relay's writes are fenced: Redis applies them
only while the relay holds the lease.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import islice

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import EventMessage, Notification, Subscription
from .events import channel
from .pool import calls
from .registry import (
    ShardKeys,
    client_connections,
    entry,
    read_access,
    read_entry,
)
from .subscription_scripts import FORGET, LONGEST_CONNECTION_S, REMOVE
from .watched import WatchedPubSub

log = logging.getLogger(__name__)

RECONNECT_S = 0.2
LISTEN_TIMEOUT_S = 1.0
MOST_AT_ONCE = 500  # positions in a write

# Take the lease if it is free, renew it if this relay holds it.
ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# Store delivered seqs, if this relay holds the lease. A subscription that the client has removed meanwhile is
# not stored again.
SAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do
    local key, order, seq = KEYS[i / 2 + 1], ARGV[i], ARGV[i + 1]
    if redis.call('HEXISTS', key, order) == 1 then redis.call('HSET', key, order, seq) end
end
return 1
"""
# Store what a registry that has lost its data is missing, if this relay holds the lease.
RESTORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 3 do
    local key = KEYS[(i - 1) / 3 + 2]
    redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[2])
    redis.call('HSETNX', key, ARGV[i + 1], ARGV[i + 2])
    redis.call('EXPIRE', key, ARGV[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""


class RedisRelayChannel:
    """`ports.live.Channel` for one shard of a gateway.

    `fence` names this relay and is never reused; `parse` reads a published event, None if it is not one.
    """

    def __init__(
        self,
        redis: Redis,
        shard: int,
        fence: str,
        parse: Callable[[str], EventMessage | None],
        *,
        lease_ms: int,
        gateway: str = "",
    ) -> None:
        self._parse_event = parse
        self._redis = redis
        self._call = calls(redis)
        self.shard = shard
        self._gateway = gateway
        self._keys = ShardKeys(shard, gateway)
        self._fence = fence
        self._lease_ms = lease_ms
        self._wanted: set[str] = set()
        self._listening: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._is_lost = False  # and not restored yet
        self._unsaved: dict[tuple[str, str], int] = {}  # connection, order → delivered seq
        self._saving: asyncio.Task[None] | None = None

    async def acquire(self) -> bool:
        return bool(await self._call("EVAL", ACQUIRE, 1, self._keys.lease, self._fence, self._lease_ms))

    async def release(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
        await self._call("EVAL", RELEASE, 1, self._keys.lease, self._fence)

    async def subscriptions(self) -> list[Subscription]:
        connections = await self._recent_connections()
        found = await asyncio.gather(
            *(self._call("HGETALL", self._keys.subscriptions(connection_id)) for connection_id in connections)
        )
        return [
            Subscription(connection_id, order_id, int(after))
            for connection_id, orders in zip(connections, found, strict=True)
            for order_id, after in orders.items()
        ]

    async def changes(self) -> int:
        return int(await self._call("GET", self._keys.changes) or 0)

    async def connections(self) -> int:
        return int(await self._call("HLEN", self._keys.connections))

    async def remove_connection(self, connection_id: str) -> None:
        known = await self._call("HGET", self._keys.connections, connection_id)
        _, client = read_entry(str(known or entry("")))
        await asyncio.gather(
            self._call("SREM", client_connections(client, self._gateway), connection_id),
            self._call(
                "EVAL",
                REMOVE,
                4,
                *self._keys.counted(connection_id),
                self._keys.connections,
                connection_id,
            ),
        )

    async def keys(self) -> dict[str, str]:
        found = await self._call("HGETALL", self._keys.access)
        return {str(name): read_access(str(text)).caller.key_id for name, text in found.items()}

    async def listen(self, order_id: str) -> None:
        """Receive this order's events from the moment this returns, or has waited LISTEN_TIMEOUT_S."""
        name = channel(order_id)
        self._wanted.add(name)
        confirmed = self._listening.setdefault(name, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(LISTEN_TIMEOUT_S):
                if self._pubsub is not None:
                    await self._pubsub.subscribe(name)
                await asyncio.shield(confirmed)
        except (RedisError, OSError, TimeoutError):
            # `notifications` subscribes again when it reconnects, and says that messages may be missing.
            log.debug("relay: not listening yet channel=%s", name)

    async def unlisten(self, order_id: str) -> None:
        name = channel(order_id)
        self._wanted.discard(name)
        self._listening.pop(name, None)
        try:
            async with asyncio.timeout(LISTEN_TIMEOUT_S):
                if self._pubsub is not None:
                    await self._pubsub.unsubscribe(name)
        except (RedisError, OSError):
            # The connection is broken, which ends the pub/sub subscription as well.
            log.debug("relay: not unsubscribed channel=%s", name)

    def save_position(self, subscription: Subscription) -> None:
        self._unsaved[subscription.connection_id, subscription.order_id] = subscription.after
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_all(), name="save positions")

    async def settled(self) -> None:
        while self._saving is not None:
            await asyncio.shield(self._saving)

    async def remove_subscription(self, connection_id: str, order_id: str) -> None:
        self._unsaved.pop((connection_id, order_id), None)
        keys = [*self._keys.counted(connection_id), self._keys.lease]
        await self._call("EVAL", FORGET, len(keys), *keys, self._fence, connection_id, order_id)

    async def restore(self, subscriptions: Sequence[Subscription]) -> None:
        if not subscriptions:
            return
        keys = [self._keys.subscriptions(item.connection_id) for item in subscriptions]
        parts = [
            part for item in subscriptions for part in (item.connection_id, item.order_id, str(item.after))
        ]
        await self._call(
            "EVAL",
            RESTORE,
            2 + len(keys),
            self._keys.lease,
            self._keys.connections,
            *keys,
            self._fence,
            entry(""),
            LONGEST_CONNECTION_S,
            *parts,
        )

    async def notifications(self) -> AsyncGenerator[Notification]:
        while True:
            try:
                async with self._redis.pubsub() as pubsub, WatchedPubSub(pubsub) as watched:
                    await pubsub.subscribe(self._keys.control, *self._wanted)
                    self._pubsub = pubsub
                    async for notification in self._messages(watched):
                        yield notification
            except (RedisError, OSError) as error:
                if not self._is_lost:
                    log.warning("relay: pub/sub lost, reconnecting shard=%d error=%r", self.shard, error)
                self._is_lost = True
                await asyncio.sleep(RECONNECT_S)
            finally:
                self._pubsub = None

    async def _messages(self, pubsub: WatchedPubSub) -> AsyncIterator[Notification]:
        while True:
            match await pubsub.message():
                case {"type": "subscribe", "channel": name} if name == self._keys.control:
                    if self._is_lost:
                        log.warning("relay: pub/sub restored shard=%d", self.shard)
                    self._is_lost = False
                    yield Notification(missed=True)  # what was published before has to be read
                case {"type": "subscribe", "channel": name}:
                    listening = self._listening.get(name)
                    if listening is not None and not listening.done():
                        listening.set_result(None)
                case {"type": "message", "channel": name, "data": text} if name == self._keys.control:
                    yield _change(_parse(text))
                case {"type": "message", "data": text}:
                    text, _, context = text.partition("\n")
                    event = self._parse_event(text)
                    if event is not None:
                        yield Notification(event=replace(event, traceparent=context) if context else event)
                    else:
                        log.error("relay: message is not an event text=%.100r", text)

    async def _recent_connections(self) -> list[str]:
        """Connections that can still be open; older ones, whose disconnect was lost, are removed."""
        known = await self._call("HGETALL", self._keys.connections)
        ages = {str(name): read_entry(str(text))[0] for name, text in known.items()}
        for connection_id in [name for name, age_s in ages.items() if age_s > LONGEST_CONNECTION_S]:
            await self.remove_connection(connection_id)
            del ages[connection_id]
        return [*ages]

    async def _save_all(self) -> None:
        """Store what `save_position` was given until nothing is left, retrying while Redis is unavailable."""
        is_logged = False
        try:
            while self._unsaved:
                keys = list(islice(self._unsaved, MOST_AT_ONCE))
                batch = {key: self._unsaved.pop(key) for key in keys}
                try:
                    await self._save([(*key, str(seq)) for key, seq in batch.items()])
                except TemporarilyUnavailable as error:
                    if not is_logged:
                        log.warning(
                            "relay: cannot save positions, retrying shard=%d error=%r", self.shard, error
                        )
                    is_logged = True
                    self._unsaved = {**batch, **self._unsaved}  # a newer position wins
                    await asyncio.sleep(RECONNECT_S)
        finally:
            self._saving = None

    async def _save(self, items: Sequence[tuple[str, str, str]]) -> None:
        keys = [self._keys.subscriptions(connection_id) for connection_id, _, _ in items]
        parts = [part for _, order_id, seq in items for part in (order_id, seq)]
        await self._call("EVAL", SAVE, 1 + len(keys), self._keys.lease, *keys, self._fence, *parts)


def _parse(text: str) -> dict[str, object]:
    """The JSON object in `text`, or an empty one: any client of Redis can publish anything."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    log.error("relay: message is not a JSON object text=%.100r", text)
    return {}


def _change(change: dict[str, object]) -> Notification:
    match change:
        case {"follow": [str(connection_id), str(order_id), int(after)], **rest}:
            number = rest.get("change")
            return Notification(
                subscribe=Subscription(connection_id, order_id, after),
                change=number if isinstance(number, int) else None,
            )
        case {"unfollow": [str(connection_id), str(order_id)]}:
            return Notification(unsubscribe=(connection_id, order_id))
        case {"disconnect": str(connection_id)}:
            return Notification(disconnect=connection_id)
    log.error("relay: unknown message on the control channel content=%r", change)
    return Notification()
