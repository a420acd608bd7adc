"""Connections whose disconnect was lost: they do not count against a limit for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.redis.registry import RedisRegistry, ShardKeys
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.adapters.redis.subscription_scripts import LONGEST_CONNECTION_S
from chalicelib.api.wire.events import parse_event_message
from chalicelib.domain.errors import LimitReached
from chalicelib.ports.live import Subscription
from redis.asyncio import Redis

from local.services import Endpoints

CLIENT = "203.0.113.7"


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    """A Redis database of the tests' own, empty."""
    url = urlsplit(services.redis_url)._replace(path="/6").geturl()
    async with Redis.from_url(url, decode_responses=True) as redis:
        await redis.flushdb()
        yield redis


@pytest.fixture
def registry(redis: Redis) -> RedisRegistry:
    return RedisRegistry(redis, shards=1, connections_per_client=2, subscriptions_per_connection=10)


@pytest.fixture
async def relay(redis: Redis) -> RedisRelayChannel:
    relay = RedisRelayChannel(redis, 0, "relay", parse_event_message, lease_ms=10_000)
    assert await relay.acquire()
    return relay


async def test_removing_a_connection_makes_room_for_its_clients_next(
    registry: RedisRegistry, relay: RedisRelayChannel
) -> None:
    for name in ("first", "second"):
        await registry.connect(name, CLIENT)
    with pytest.raises(LimitReached):
        await registry.connect("third", CLIENT)
    await relay.remove_connection("first")
    await registry.connect("third", CLIENT)
    assert not await registry.is_registered("first")
    assert await registry.is_registered("third")


async def test_a_connection_older_than_the_longest_is_removed_when_a_relay_starts(
    registry: RedisRegistry, relay: RedisRelayChannel, redis: Redis
) -> None:
    for name in ("old", "new"):
        await registry.connect(name, CLIENT)
        await registry.subscribe(Subscription(name, "order"))
    written = await redis.hget(ShardKeys(0).connections, "old")
    connected_at = int(str(written).split()[0]) - (LONGEST_CONNECTION_S + 1) * 1000
    await redis.hset(ShardKeys(0).connections, "old", f"{connected_at} {CLIENT}")
    assert await relay.subscriptions() == [Subscription("new", "order")]
    assert await relay.connections() == 1
    await registry.connect("next", CLIENT)


async def test_a_registry_that_lost_its_data_has_no_connection_until_the_relay_restores_it(
    registry: RedisRegistry, relay: RedisRelayChannel, redis: Redis
) -> None:
    await registry.connect("client", CLIENT)
    await redis.flushdb()
    assert not await registry.is_registered("client")
    await relay.acquire()
    await relay.restore([Subscription("client", "order", 3)])
    assert await registry.is_registered("client")
    assert await relay.subscriptions() == [Subscription("client", "order", 3)]
    await relay.remove_connection("client")
    assert not await registry.is_registered("client")
