"""The relay's channel on a real Redis: notifications, broken connections, and how a lease ends."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chalicelib.adapters.redis.events import RedisEvents, channel
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.registry import RedisRegistry, ShardKeys
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.api.wire.events import event_message, event_object, parse_event_message
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.live import Notification, Subscription
from chalicelib.ports.store import NewOrder
from chalicelib.services.live.relay import Relay
from redis.asyncio import Redis

from local.servers import Valkey
from tests.fakes import MemoryPush, MemoryStore, eventually
from tests.samples import TERMS

LIMITS: dict[str, Any] = {"shards": 1, "connections_per_client": 100, "subscriptions_per_connection": 100}
ORDER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server of this module's own, which its tests may kill."""
    server = Valkey(tmp_path_factory.mktemp("valkey") / "server", temporary=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    async with connect(valkey.url, listeners=3) as redis:
        await redis.flushall()
        yield redis


class Listener:
    """A channel that is listened to all the time, and its notifications so far."""

    def __init__(self, redis: Redis, *, lease_ms: int = 10_000) -> None:
        self.channel = RedisRelayChannel(redis, 0, uuid.uuid4().hex, parse_event_message, lease_ms=lease_ms)
        self.notifications: list[Notification] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for notification in self.channel.notifications():
            self.notifications.append(notification)

    async def receives(self, notification: Notification) -> None:
        """Wait for this notification, and drop those up to it."""
        await eventually(lambda: notification in self.notifications)
        del self.notifications[: self.notifications.index(notification) + 1]

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def listener(redis: Redis) -> AsyncIterator[Listener]:
    listener = Listener(redis)
    await listener.receives(Notification(missed=True))
    yield listener
    await listener.close()


def event(seq: int) -> Event:
    return Event(ORDER, seq, Status.ROUTING, 1, datetime(2026, 1, 1, tzinfo=UTC))


async def publish(redis: Redis, seq: int) -> Notification:
    events = RedisEvents(redis, event_message)
    events.publish(event(seq))
    await events.settled()
    return Notification(event=event_message(event(seq)))


async def test_the_first_notification_marks_that_messages_may_be_missing(redis: Redis) -> None:
    listener = Listener(redis)
    await eventually(lambda: listener.notifications)
    assert listener.notifications == [Notification(missed=True)]
    await listener.close()


async def test_changes_of_subscriptions_are_notified_in_order(redis: Redis, listener: Listener) -> None:
    registry = RedisRegistry(redis, **LIMITS)
    await registry.connect("client", "here")
    await registry.subscribe(Subscription("client", ORDER))
    await registry.unsubscribe("client", ORDER)
    await registry.disconnect("client", "here")
    await eventually(lambda: len(listener.notifications) >= 3)
    assert listener.notifications == [
        Notification(subscribe=Subscription("client", ORDER)),
        Notification(unsubscribe=("client", ORDER)),
        Notification(disconnect="client"),
    ]


async def test_an_orders_events_are_notified_from_listen_until_unlisten(
    redis: Redis, listener: Listener
) -> None:
    await publish(redis, 1)
    await listener.channel.listen(ORDER)
    for seq in (2, 3):
        await listener.receives(await publish(redis, seq))
    await listener.channel.unlisten(ORDER)
    await eventually(lambda: _listeners(redis, 0))
    await publish(redis, 4)
    await RedisRegistry(redis, **LIMITS).disconnect("last", "here")
    await listener.receives(Notification(disconnect="last"))
    assert listener.notifications == []


async def test_an_order_can_be_listened_to_again_after_unlisten(redis: Redis, listener: Listener) -> None:
    for seq in range(1, 6):
        await listener.channel.listen(ORDER)
        await listener.receives(await publish(redis, seq))
        await listener.channel.unlisten(ORDER)


async def test_invalid_messages_are_ignored(redis: Redis, listener: Listener) -> None:
    await listener.channel.listen(ORDER)
    for name in (channel(ORDER), ShardKeys(0).control):
        for text in ("", "not json", "[", "5", "null", '"x"', '{"follow": 5}', "[" * 100_000):
            await redis.publish(name, text)
    await listener.receives(await publish(redis, 1))
    assert all(notification == Notification() for notification in listener.notifications)


async def test_a_broken_connection_is_made_again_and_notifies_that_messages_may_be_missing(
    redis: Redis, listener: Listener
) -> None:
    await listener.channel.listen(ORDER)
    await redis.client_kill_filter(_type="pubsub")
    await listener.receives(Notification(missed=True))
    await eventually(lambda: _listeners(redis, 1))
    await listener.receives(await publish(redis, 1))


async def test_a_redis_that_was_killed_is_listened_to_again_after_its_restart(
    redis: Redis, listener: Listener, valkey: Valkey
) -> None:
    await listener.channel.listen(ORDER)
    await asyncio.to_thread(valkey.kill)
    other = "22222222-2222-4222-8222-222222222222"
    await listener.channel.listen(other)  # not confirmed; subscribed again on reconnect
    await asyncio.to_thread(valkey.start)
    await listener.receives(Notification(missed=True))
    await eventually(lambda: _listeners(redis, 1))
    await listener.receives(await publish(redis, 1))
    assert (await redis.pubsub_numsub(channel(other)))[0][1] == 1


async def test_a_lease_that_is_not_renewed_ends(redis: Redis) -> None:
    idle = RedisRelayChannel(redis, 0, "idle", parse_event_message, lease_ms=50)
    waiting = RedisRelayChannel(redis, 0, "waiting", parse_event_message, lease_ms=10_000)
    assert await idle.acquire()
    await eventually(waiting.acquire)
    assert await idle.acquire() is False
    await idle.release()
    assert await waiting.acquire()


async def test_positions_saved_together_are_all_stored(redis: Redis) -> None:
    relay = RedisRelayChannel(redis, 0, "relay", parse_event_message, lease_ms=10_000)
    await relay.acquire()
    registry = RedisRegistry(redis, **LIMITS)
    expected = [Subscription(f"client-{number}", ORDER, number) for number in range(1, 1201)]
    await asyncio.gather(*(registry.connect(item.connection_id, item.connection_id) for item in expected))
    await asyncio.gather(*(registry.subscribe(Subscription(item.connection_id, ORDER)) for item in expected))
    for item in expected:
        relay.save_position(item)
    await relay.settled()
    assert sorted(await relay.subscriptions(), key=str) == sorted(expected, key=str)


async def test_a_client_receives_every_event_once_though_redis_is_killed_in_between(
    redis: Redis, valkey: Valkey
) -> None:
    store, push, registry = MemoryStore(), MemoryPush(), RedisRegistry(redis, **LIMITS)
    events = RedisEvents(redis, event_message)
    await store.create(NewOrder(ORDER, TERMS))
    channel_of_relay = RedisRelayChannel(redis, 0, "relay", parse_event_message, lease_ms=600)
    relay = Relay(channel_of_relay, store, push, event_message, lease=0.6, poll=0.05, idle=30)
    serving = asyncio.create_task(relay.run(60))
    await registry.connect("client", "here")
    await registry.subscribe(Subscription("client", ORDER))
    await eventually(lambda: push.seqs("client") == [1])
    events.publish(store.append(ORDER, Status.ROUTING))
    await eventually(lambda: push.seqs("client") == [1, 2])
    await asyncio.to_thread(valkey.kill)
    events.publish(store.append(ORDER, Status.BUILDING))
    await eventually(lambda: push.seqs("client") == [1, 2, 3])  # by the poll
    await asyncio.to_thread(valkey.start)

    async def restored() -> bool:
        return await redis.hgetall(ShardKeys(0).subscriptions("client")) == {ORDER: "3"}

    await eventually(restored)
    for status in (Status.SUBMITTED, Status.CONFIRMED):
        events.publish(store.append(ORDER, status))
    await eventually(lambda: len(push.seqs("client")) >= 5)
    assert push.seqs("client") == [1, 2, 3, 4, 5]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def _listeners(redis: Redis, count: int) -> bool:
    """Whether that many connections listen to the order's channel."""
    found = await redis.pubsub_numsub(channel(ORDER))
    return bool(found[0][1] == count)


def test_the_text_on_the_channel_is_the_event_that_clients_get() -> None:
    text = event_message(event(2)).text
    assert json.loads(text) == event_object(event(2))
    assert parse_event_message(text) == event_message(event(2))
