"""A Redis that takes connections and says nothing: live events wait for it, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.redis import events as events_module
from chalicelib.adapters.redis import pool
from chalicelib.adapters.redis.events import RedisEvents, channel
from chalicelib.adapters.redis.registry import RedisRegistry
from chalicelib.api.wire.events import event_message
from chalicelib.config import Config
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from local.engine import Engine
from local.servers import Valkey
from local.services import Endpoints
from tests.fakes import eventually
from tests.link import Link
from tests.silence import silenced

ORDER = "11111111-1111-4111-8111-111111111111"
LONG_S = 60.0
MUCH_LESS_S = 20.0


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server of this module's own, which its tests may stop."""
    server = Valkey(tmp_path_factory.mktemp("valkey") / "server", temporary=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "REPLY_S", 0.3)
    monkeypatch.setattr(pool, "CONNECT_S", 0.5)
    monkeypatch.setattr(pool, "PROBE_EVERY_S", 0.05)


@pytest.fixture
async def link(valkey: Valkey) -> AsyncIterator[Link]:
    async with Link.to(valkey.url) as link:
        yield link


@pytest.fixture
async def redis(link: Link) -> AsyncIterator[Redis]:
    async with pool.connect(link.url) as redis:
        yield redis


@pytest.fixture
def events(redis: Redis) -> RedisEvents:
    return RedisEvents(redis, event_message)


@pytest.fixture
def registry(redis: Redis) -> RedisRegistry:
    return RedisRegistry(redis, shards=1, connections_per_client=9, subscriptions_per_connection=9)


def event(seq: int) -> Event:
    return Event(ORDER, seq, Status.ROUTING, 1, datetime(2026, 1, 1, tzinfo=UTC))


async def fails(events: RedisEvents) -> bool:
    """Whether a call fails now."""
    try:
        await events.check()
    except TemporarilyUnavailable:
        return True
    return False


async def test_an_invocation_ends_without_waiting_for_a_silent_redis(
    valkey: Valkey, events: RedisEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.check()
    monkeypatch.setattr(pool, "REPLY_S", LONG_S)
    with silenced(valkey):
        async with asyncio.timeout(MUCH_LESS_S):
            for seq in range(1, 6):
                events.publish(event(seq))
                await events.settled()


async def test_a_submit_on_a_socket_is_answered_without_waiting_for_a_silent_redis(
    valkey: Valkey, services: Endpoints, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = replace(services, database_url=database_url, redis_url=valkey.url)
    async with (
        Engine(Config(sim_latency=0.0), endpoints, port=0) as engine,
        connect(f"ws://{urlsplit(engine.url).netloc}/api/orders/execute", proxy=None) as socket,
    ):
        await socket.send('{"action": "ping"}')
        assert json.loads(await socket.recv()) == {"action": "pong"}
        monkeypatch.setattr(pool, "REPLY_S", LONG_S)
        with silenced(valkey):
            async with asyncio.timeout(MUCH_LESS_S):
                await socket.send('{"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "id": "first"}')
                answer = json.loads(await socket.recv())
        assert (answer["id"], answer["status"]) == ("first", "pending")


async def test_once_a_reply_is_overdue_calls_fail_at_once_until_there_is_one(
    valkey: Valkey, events: RedisEvents, registry: RedisRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.check()
    with silenced(valkey):
        with pytest.raises(TemporarilyUnavailable):
            await registry.is_registered("connection")
        monkeypatch.setattr(pool, "REPLY_S", LONG_S)
        async with asyncio.timeout(MUCH_LESS_S):
            for _ in range(20):
                with pytest.raises(TemporarilyUnavailable):
                    await registry.is_registered("connection")
        monkeypatch.setattr(pool, "REPLY_S", 0.3)
    await events.check()
    assert not await registry.is_registered("connection")


async def test_a_frozen_process_does_not_refuse_calls_for_what_was_before(
    valkey: Valkey, events: RedisEvents, registry: RedisRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.check()
    monkeypatch.setattr(pool, "PROBE_EVERY_S", 3600.0)  # a probe that does not run, as in a frozen Lambda
    with silenced(valkey):
        with pytest.raises(TemporarilyUnavailable):
            await registry.is_registered("connection")
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + 7200)
    assert not await registry.is_registered("connection")


async def test_events_that_wait_for_a_silent_redis_are_bounded_and_one_line_says_how_many_were_dropped(
    valkey: Valkey,
    events: RedisEvents,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(events_module, "MOST_WAITING", 100)
    await events.check()
    with silenced(valkey):
        for seq in range(1, 1001):
            events.publish(event(seq))
        assert len(events._waiting) == 100
        await eventually(lambda: events._publishing is None)
        for seq in range(1001, 1011):
            events.publish(event(seq))
            await events.settled()
    assert [record.message for record in caplog.records if "cannot publish" in record.message] == [
        "events: cannot publish, subscribers read the store error="
        "TemporarilyUnavailable('Redis is not available right now.')"
    ]
    async with redis.pubsub() as listener:
        await events.check()
        await listener.subscribe(channel(ORDER))
        await listener.get_message(timeout=5)
        events.publish(event(1011))
        message = await listener.get_message(timeout=5)
        assert message is not None
        assert message["data"] == event_message(event(1011)).text
    await eventually(lambda: "events: publishing again dropped=1010" in caplog.text)


async def test_calls_on_a_connection_that_fell_silent_get_a_new_one_and_none_fails(
    link: Link, registry: RedisRegistry, events: RedisEvents, redis: Redis
) -> None:
    await registry.connect("connection", "client")
    async with redis.pubsub() as listener:
        link.lose()
        await listener.subscribe(channel(ORDER))
        await listener.get_message(timeout=5)
        events.publish(event(1))
        async with asyncio.timeout(50 * pool.REPLY_S):  # they wait for the lost reply together
            assert all(await asyncio.gather(*(registry.is_registered("connection") for _ in range(50))))
        message = await listener.get_message(timeout=5)
        assert message is not None
        assert message["data"] == event_message(event(1)).text


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_link_that_is_black_holed_in_one_direction_delays_a_call_once(
    link: Link, events: RedisEvents, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.check()
    getattr(link, direction).black_hole()
    assert await fails(events)
    with monkeypatch.context() as patience:
        patience.setattr(pool, "REPLY_S", LONG_S)
        async with asyncio.timeout(MUCH_LESS_S):
            events.publish(event(1))
            await events.settled()
    link.heal()

    async def well() -> bool:
        return not await fails(events)

    await eventually(well)


async def test_a_reply_that_is_cut_short_delays_a_call_once(link: Link, registry: RedisRegistry) -> None:
    await registry.connect("connection", "client")
    link.down.reset_when(keep=1)
    with pytest.raises(TemporarilyUnavailable):
        await registry.is_registered("connection")
    link.heal()
    assert await registry.is_registered("connection")


async def test_a_probe_ends_with_its_client(valkey: Valkey, link: Link) -> None:
    async with pool.connect(link.url) as redis:
        events = RedisEvents(redis, event_message)
        await events.check()
        with silenced(valkey):
            assert await fails(events)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "probe redis"]
