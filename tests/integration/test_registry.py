"""The registry's promises, kept by Redis and by the one in memory alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.registry import RedisRegistry, client_connections
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.domain.errors import LimitReached, TemporarilyUnavailable
from chalicelib.ports.live import Channel, Registry, Subscription
from redis.asyncio import Redis

from local.services import Endpoints
from tests import fakes
from tests.fakes import MemoryChannel, MemoryRegistry

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SHARDS = 4


class Office:
    """A registry of four shards, and the relays' side of it."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._memory = fakes.Redis()
        self.registry: Registry = (
            RedisRegistry(redis, shards=SHARDS, connections_per_client=100, subscriptions_per_connection=100)
            if redis is not None
            else MemoryRegistry(self._memory, shards=SHARDS)
        )

    def relay(self, connection_id: str, fence: str = "relay") -> Channel:
        """The channel of a relay that serves this connection."""
        shard = self.registry.shard(connection_id)
        if self._redis is not None:
            return RedisRelayChannel(self._redis, shard, fence, lease_ms=10_000)
        return MemoryChannel(self._memory, shard, fence)


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    """A Redis database of the tests' own, empty."""
    url = urlsplit(services.redis_url)._replace(path="/5").geturl()
    async with connect(url) as redis:
        await redis.flushdb()
        yield redis


@pytest.fixture(params=["memory", "redis"])
def office(request: pytest.FixtureRequest) -> Office:
    return Office(request.getfixturevalue("redis") if request.param == "redis" else None)


async def test_a_connection_is_counted_from_connect_to_disconnect(office: Office) -> None:
    relay = office.relay("client")
    assert await relay.connections() == 0
    await office.registry.connect("client", "here")
    await office.registry.connect("client", "here")
    assert await relay.connections() == 1
    await office.registry.disconnect("client", "here")
    assert await relay.connections() == 0


async def test_a_following_is_there_until_it_is_taken_back(office: Office) -> None:
    relay = office.relay("client")
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST, 3))
    await office.registry.subscribe(Subscription("client", SECOND))
    assert sorted(await relay.subscriptions(), key=str) == [
        Subscription("client", FIRST, 3),
        Subscription("client", SECOND, 0),
    ]
    await office.registry.unsubscribe("client", FIRST)
    assert await relay.subscriptions() == [Subscription("client", SECOND, 0)]


async def test_who_follows_again_does_not_go_back(office: Office) -> None:
    relay = office.relay("client")
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST, 4))
    await office.registry.subscribe(Subscription("client", FIRST, 0))
    assert await relay.subscriptions() == [Subscription("client", FIRST, 4)]


async def test_a_shard_has_a_relay_while_the_lease_is_held(office: Office) -> None:
    await office.registry.connect("client", "here")
    assert not await office.registry.has_relay("client")
    assert await office.registry.shards_without_relay() == [office.registry.shard("client")]
    relay = office.relay("client")
    assert await relay.acquire()
    assert await office.registry.has_relay("client")
    assert await office.registry.shards_without_relay() == []
    await relay.release()
    assert not await office.registry.has_relay("client")


async def test_a_shard_without_connections_needs_no_relay(office: Office) -> None:
    await office.registry.connect("client", "here")
    await office.registry.disconnect("client", "here")
    assert await office.registry.shards_without_relay() == []


async def test_connections_are_spread_over_the_shards_and_each_stays_on_its_own(office: Office) -> None:
    clients = [f"client-{number}" for number in range(100)]
    shards = [office.registry.shard(client) for client in clients]
    assert set(shards) == set(range(SHARDS))
    assert shards == [office.registry.shard(client) for client in clients]
    for client in clients:
        await office.registry.connect(client, "here")
    assert await office.registry.shards_without_relay() == list(range(SHARDS))
    counts = [await office.relay(clients[shards.index(shard)]).connections() for shard in range(SHARDS)]
    assert counts == [shards.count(shard) for shard in range(SHARDS)]


async def test_one_relay_holds_a_shard_and_only_it_gives_it_back(office: Office) -> None:
    first, second = office.relay("client", "first"), office.relay("client", "second")
    assert [await first.acquire(), await second.acquire(), await first.acquire()] == [True, False, True]
    await second.release()
    assert await second.acquire() is False
    await first.release()
    assert await second.acquire() is True


async def test_how_far_a_client_was_told_is_written_down(office: Office) -> None:
    relay = office.relay("client")
    await relay.acquire()
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST))
    relay.save_position(Subscription("client", FIRST, 2))
    await relay.settled()
    assert await relay.subscriptions() == [Subscription("client", FIRST, 2)]
    await relay.remove_subscription("client", FIRST)
    assert await relay.subscriptions() == []


async def test_what_was_taken_back_is_not_written_again(office: Office) -> None:
    relay = office.relay("client")
    await relay.acquire()
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST))
    await office.registry.unsubscribe("client", FIRST)
    relay.save_position(Subscription("client", FIRST, 2))
    await relay.settled()
    assert await relay.subscriptions() == []


async def test_a_relay_without_the_lease_writes_nothing(office: Office) -> None:
    late, relay = office.relay("client", "late"), office.relay("client")
    await relay.acquire()
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST, 1))
    late.save_position(Subscription("client", FIRST, 4))
    await late.settled()
    await late.restore([Subscription("other", FIRST, 4)])
    await late.remove_subscription("client", FIRST)
    assert await relay.subscriptions() == [Subscription("client", FIRST, 1)]


async def test_an_emptied_registry_is_filled_again_where_it_is_empty(office: Office) -> None:
    relay = office.relay("client")
    await relay.acquire()
    await office.registry.connect("client", "here")
    await office.registry.subscribe(Subscription("client", FIRST, 5))
    await relay.restore([Subscription("client", FIRST, 3), Subscription("client", SECOND, 2)])
    await relay.restore([])
    assert sorted(await relay.subscriptions(), key=str) == [
        Subscription("client", FIRST, 5),
        Subscription("client", SECOND, 2),
    ]
    assert await relay.connections() == 1


async def test_a_connection_that_is_gone_is_forgotten(office: Office) -> None:
    await office.registry.connect("client", "here")
    relay = office.relay("client")
    await relay.remove_connection("client")
    assert await relay.connections() == 0


async def test_a_redis_that_is_away_is_said_to_be() -> None:
    async with connect("redis://127.0.0.1:1") as nobody:
        registry, relay = (office := Office(nobody)).registry, office.relay("client")
        for call in (
            registry.connect("client", "here"),
            registry.subscribe(Subscription("client", FIRST)),
            registry.unsubscribe("client", FIRST),
            registry.disconnect("client", "here"),
            registry.has_relay("client"),
            registry.shards_without_relay(),
            relay.acquire(),
            relay.release(),
            relay.subscriptions(),
            relay.remove_subscription("client", FIRST),
            relay.restore([Subscription("client", FIRST, 1)]),
            relay.connections(),
        ):
            with pytest.raises(TemporarilyUnavailable):
                await call


async def test_a_connection_that_is_admitted_twice_takes_one_slot(redis: Redis) -> None:
    registry = RedisRegistry(redis, shards=SHARDS, connections_per_client=1, subscriptions_per_connection=9)
    for _ in range(2):  # as when the first reply was lost
        await registry.connect("connection", "client")
    with pytest.raises(LimitReached):
        await registry.connect("another", "client")
    assert await redis.scard(client_connections("client")) == 1
