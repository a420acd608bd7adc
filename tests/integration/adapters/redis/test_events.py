"""Live events against a real Redis protocol: what is published, in what order, and an unavailable Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chalicelib.adapters.redis import pool as redis_pool
from chalicelib.adapters.redis.events import RedisEvents, channel
from chalicelib.adapters.redis.pool import connect
from chalicelib.api.wire.events import event_message, event_object
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from redis.asyncio import Redis

from local.servers import Valkey
from local.services import Endpoints
from tests.fakes import eventually

ORDER = "11111111-1111-4111-8111-111111111111"


def event(seq: int, order_id: str = ORDER) -> Event:
    return Event(order_id, seq, Status.PENDING, 1, datetime(2026, 1, 1, tzinfo=UTC), {"amount": "0.1"})


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    async with connect(services.redis_url) as redis:
        yield redis


async def test_events_of_one_batch_arrive_in_order_on_their_orders_channels(redis: Redis) -> None:
    async with redis.pubsub() as listener:
        await listener.subscribe(channel(ORDER))
        events = RedisEvents(redis, event_message)
        for seq in range(1, 31):
            events.publish(event(seq))
        events.publish(event(1, "another"))
        received: list[dict[str, object]] = []

        async def all_received() -> bool:
            message = await listener.get_message(ignore_subscribe_messages=True, timeout=0.1)
            if message:
                received.append(json.loads(message["data"]))
            return len(received) == 30

        await eventually(all_received)
    assert received == [event_object(event(seq)) for seq in range(1, 31)]


async def test_an_event_without_a_subscriber_is_not_an_error(redis: Redis) -> None:
    events = RedisEvents(redis, event_message)
    events.publish(event(1))
    await events.settled()
    await events.check()


async def test_a_redis_that_hangs_is_temporarily_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_pool, "REPLY_S", 0.2)
    server = Valkey(tmp_path / "valkey", temporary=True)
    await asyncio.to_thread(server.start)
    assert server.pid
    try:
        async with connect(server.url) as redis:
            events = RedisEvents(redis, event_message)
            await events.check()
            os.kill(server.pid, signal.SIGSTOP)
            with pytest.raises(TemporarilyUnavailable):
                await events.check()
            events.publish(event(1))
            await events.settled()
            os.kill(server.pid, signal.SIGCONT)
            await events.check()
    finally:
        os.kill(server.pid, signal.SIGCONT)
        await asyncio.to_thread(server.stop)


async def test_publishing_goes_on_while_redis_is_killed_and_check_fails_until_its_restart(
    tmp_path: Path,
) -> None:
    server = Valkey(tmp_path / "valkey", temporary=True)
    await asyncio.to_thread(server.start)
    try:
        async with connect(server.url) as redis:
            events = RedisEvents(redis, event_message)
            await events.check()
            await asyncio.to_thread(server.kill)
            for seq in range(1, 20):
                events.publish(event(seq))
            await events.settled()
            with pytest.raises(TemporarilyUnavailable):
                await events.check()
            await asyncio.to_thread(server.start)
            await events.check()
    finally:
        await asyncio.to_thread(server.stop)
