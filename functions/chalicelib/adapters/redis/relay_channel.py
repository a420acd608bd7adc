"""A relay's ear and memory in Redis: the shard's lease, its subscriptions, and the channels it listens to.

The subscription heals itself: when the connection breaks, everything wanted is subscribed anew and `heard`
says that something may have been missed. What a relay writes counts only while it holds the lease.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from itertools import islice

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import Notification, Subscription
from .events import channel
from .pool import calls
from .registry import LONGEST_CONNECTION_S, ShardKeys, entry, read_entry, slots

log = logging.getLogger(__name__)

RECONNECT_S = 0.2
LISTEN_TIMEOUT_S = 1.0
MOST_AT_ONCE = 500  # subscriptions in a write

# Take the lease if it is free, keep it if it is ours.
ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# Store how far a client was told, or forget what has ended ('-'), unless another relay has taken over. What
# the client has taken back meanwhile is not written again.
TOLD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do
    local following, order, told = KEYS[i / 2 + 1], ARGV[i], ARGV[i + 1]
    if told == '-' then redis.call('HDEL', following, order)
    elseif redis.call('HEXISTS', following, order) == 1 then redis.call('HSET', following, order, told) end
end
return 1
"""
# Fill an emptied registry again, unless another relay has taken over.
RESTORE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 3 do
    local following = KEYS[(i - 1) / 3 + 2]
    redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[2])
    redis.call('HSETNX', following, ARGV[i + 1], ARGV[i + 2])
    redis.call('EXPIRE', following, ARGV[3])
end
return 1
"""


class RedisRelayChannel:
    """`ports.live.Channel` for one shard; `fence` names this relay and is never used twice."""

    def __init__(self, redis: Redis, shard: int, fence: str, *, lease_ms: int) -> None:
        self._redis = redis
        self._call = calls(redis)
        self.shard = shard
        self._keys = ShardKeys(shard)
        self._fence = fence
        self._lease_ms = lease_ms
        self._wanted: set[str] = set()
        self._listening: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._unwritten: dict[tuple[str, str], int] = {}  # connection, order → how far it was told
        self._writing: asyncio.Task[None] | None = None

    async def acquire(self) -> bool:
        return bool(await self._call("EVAL", ACQUIRE, 1, self._keys.lease, self._fence, self._lease_ms))

    async def release(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
        await self._call("EVAL", RELEASE, 1, self._keys.lease, self._fence)

    async def subscriptions(self) -> list[Subscription]:
        connections = await self._recent_connections()
        found = await asyncio.gather(
            *(self._call("HGETALL", self._keys.following(connection_id)) for connection_id in connections)
        )
        return [
            Subscription(connection_id, order_id, int(after))
            for connection_id, orders in zip(connections, found, strict=True)
            for order_id, after in orders.items()
        ]

    async def connections(self) -> int:
        return int(await self._call("HLEN", self._keys.connections))

    async def remove_connection(self, connection_id: str) -> None:
        known = await self._call("HGET", self._keys.connections, connection_id)
        _, client = read_entry(str(known or entry("")))
        await asyncio.gather(
            self._call("SREM", slots(client), connection_id),
            self._call("HDEL", self._keys.connections, connection_id),
            self._call("DEL", self._keys.following(connection_id)),
        )

    async def listen(self, order_id: str) -> None:
        """Hear this order's events from when this returns on; a silent Redis is waited for a second only."""
        name = channel(order_id)
        self._wanted.add(name)
        heard = self._listening.setdefault(name, asyncio.get_running_loop().create_future())
        try:
            if self._pubsub is not None:
                await self._pubsub.subscribe(name)
            await asyncio.wait_for(asyncio.shield(heard), LISTEN_TIMEOUT_S)
        except (RedisError, OSError, TimeoutError):
            log.debug("not listening to %s yet", name)  # `heard` subscribes anew and then says so

    async def unlisten(self, order_id: str) -> None:
        name = channel(order_id)
        self._wanted.discard(name)
        self._listening.pop(name, None)
        try:
            if self._pubsub is not None:
                await self._pubsub.unsubscribe(name)
        except (RedisError, OSError):
            log.debug(
                "not unsubscribed from %s", name
            )  # the connection is broken, and so is the subscription

    def save_position(self, following: Subscription) -> None:
        self._unwritten[following.connection_id, following.order_id] = following.after
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="told")

    async def settled(self) -> None:
        while self._writing is not None:
            await asyncio.shield(self._writing)

    async def remove_subscription(self, connection_id: str, order_id: str) -> None:
        self._unwritten.pop((connection_id, order_id), None)
        await self._write([(connection_id, order_id, "-")])

    async def restore(self, subscriptions: Sequence[Subscription]) -> None:
        if not subscriptions:
            return
        keys = [self._keys.following(item.connection_id) for item in subscriptions]
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

    async def notifications(self) -> AsyncIterator[Notification]:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._keys.control, *self._wanted)
                    self._pubsub = pubsub
                    async for heard in self._messages(pubsub):
                        yield heard
            except (RedisError, OSError) as error:
                log.warning("the relay lost Redis, and comes back: %r", error)
                await asyncio.sleep(RECONNECT_S)
            finally:
                self._pubsub = None

    async def _messages(self, pubsub: PubSub) -> AsyncIterator[Notification]:
        while True:
            message = await pubsub.get_message(timeout=None)
            match message:
                case {"type": "subscribe", "channel": name} if name == self._keys.control:
                    yield Notification(
                        missed=True
                    )  # from here on nothing is missed; what was before has to be read
                case {"type": "subscribe", "channel": name}:
                    listening = self._listening.get(name)
                    if listening is not None and not listening.done():
                        listening.set_result(None)
                case {"type": "message", "channel": name, "data": text} if name == self._keys.control:
                    yield _change(_parse(text))
                case {"type": "message", "data": text}:
                    event = _parse(text)
                    if event.keys() >= {"orderId", "seq", "status"}:
                        yield Notification(event=event)

    async def _recent_connections(self) -> list[str]:
        """Those that can still be there; the others are gone, though nobody was told of it."""
        known = await self._call("HGETALL", self._keys.connections)
        ages = {str(name): read_entry(str(text))[0] for name, text in known.items()}
        for connection_id in [name for name, age_s in ages.items() if age_s > LONGEST_CONNECTION_S]:
            await self.remove_connection(connection_id)
            del ages[connection_id]
        return [*ages]

    async def _write_all(self) -> None:
        """Write what `told` was given, until nothing is left: while Redis is away, again and again."""
        try:
            while self._unwritten:
                keys = list(islice(self._unwritten, MOST_AT_ONCE))
                batch = {key: self._unwritten.pop(key) for key in keys}
                try:
                    await self._write([(*key, str(told)) for key, told in batch.items()])
                except TemporarilyUnavailable as error:
                    log.warning("how far clients were told is stored later: %s", error)
                    self._unwritten = {**batch, **self._unwritten}  # what is newer counts
                    await asyncio.sleep(RECONNECT_S)
        finally:
            self._writing = None

    async def _write(self, items: Sequence[tuple[str, str, str]]) -> None:
        keys = [self._keys.following(connection_id) for connection_id, _, _ in items]
        parts = [part for _, order_id, told in items for part in (order_id, told)]
        await self._call("EVAL", TOLD, 1 + len(keys), self._keys.lease, *keys, self._fence, *parts)


def _parse(text: str) -> dict[str, object]:
    """The object in `text`, an empty one if there is none: anyone can publish anything."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    log.error("the relay heard what is no object: %.100r", text)
    return {}


def _change(change: dict[str, object]) -> Notification:
    match change:
        case {"follow": [str(connection_id), str(order_id), int(after)]}:
            return Notification(subscribe=Subscription(connection_id, order_id, after))
        case {"unfollow": [str(connection_id), str(order_id)]}:
            return Notification(unsubscribe=(connection_id, order_id))
        case {"disconnect": str(connection_id)}:
            return Notification(disconnect=connection_id)
    log.error("the relay heard what it does not know: %r", change)
    return Notification()
