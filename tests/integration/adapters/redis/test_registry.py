"""Contract tests of the registry and the relay's channel, in Redis and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.registry import RedisRegistry, client_connections
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.adapters.redis.subscription_scripts import LONGEST_CONNECTION_S
from chalicelib.api.wire.events import parse_event_message
from chalicelib.domain.account import Access, Account, Caller, Scope
from chalicelib.domain.errors import LimitReached, TemporarilyUnavailable
from chalicelib.ports.live import Registry, Subscription
from redis.asyncio import Redis

from local.services import Endpoints
from tests import fakes
from tests.fakes import MemoryChannel, MemoryRegistry

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SHARDS = 4
PER_ACCOUNT = 4


class Shards:
    """A registry with four shards, and the channels of their relays."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._memory = fakes.Redis()
        self.registry: Registry = (
            RedisRegistry(
                redis,
                shards=SHARDS,
                connections_per_client=100,
                subscriptions_per_connection=100,
                subscriptions_per_account=PER_ACCOUNT,
            )
            if redis is not None
            else MemoryRegistry(self._memory, shards=SHARDS, subscriptions_per_account=PER_ACCOUNT)
        )

    def relay(self, connection_id: str, fence: str = "relay") -> RedisRelayChannel | MemoryChannel:
        """The channel of a relay that serves this connection."""
        shard = self.registry.shard(connection_id)
        if self._redis is not None:
            return RedisRelayChannel(self._redis, shard, fence, parse_event_message, lease_ms=10_000)
        return MemoryChannel(self._memory, shard, fence)


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    """A Redis database of the tests' own, empty."""
    url = urlsplit(services.redis_url)._replace(path="/5").geturl()
    async with connect(url) as redis:
        await redis.flushdb()
        yield redis


@pytest.fixture(params=["memory", "redis"])
def shards(request: pytest.FixtureRequest) -> Shards:
    return Shards(request.getfixturevalue("redis") if request.param == "redis" else None)


async def test_a_connection_is_counted_from_connect_to_disconnect(shards: Shards) -> None:
    relay = shards.relay("client")
    assert await relay.connections() == 0
    await shards.registry.connect("client", "here")
    await shards.registry.connect("client", "here")
    assert await relay.connections() == 1
    await shards.registry.disconnect("client", "here")
    assert await relay.connections() == 0


async def test_what_a_connection_may_do_is_kept_until_it_is_gone(shards: Shards) -> None:
    alice = Caller(Account("alice"), frozenset({Scope.ORDERS_READ, Scope.ADMIN}), "key 1")
    access = {"whole": Access(alice), "one order": Access(alice, FIRST)}
    for connection_id, allowed in access.items():
        await shards.registry.connect(connection_id, "alice", allowed)
    await shards.registry.connect("open", "here")
    assert {name: await shards.registry.access(name) for name in access} == access
    assert await shards.registry.access("open") is None
    for connection_id in access:
        assert (await shards.relay(connection_id).keys())[connection_id] == "key 1"
    assert "open" not in await shards.relay("open").keys()
    await shards.registry.disconnect("whole", "alice")
    await shards.relay("one order").remove_connection("one order")
    for connection_id in access:
        assert await shards.registry.access(connection_id) is None
        assert connection_id not in await shards.relay(connection_id).keys()


async def test_a_nonce_is_used_by_one_connection(shards: Shards) -> None:
    uses = [await shards.registry.use_once("nonce", name, 60_000) for name in ("first", "first", "second")]
    assert uses == [True, True, False]  # as one whose reply was lost asks again
    assert await shards.registry.use_once("another", "second", 60_000)


async def test_a_subscription_is_stored_until_it_is_removed(shards: Shards) -> None:
    relay = shards.relay("client")
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST, 3))
    await shards.registry.subscribe(Subscription("client", SECOND))
    assert sorted(await relay.subscriptions(), key=str) == [
        Subscription("client", FIRST, 3),
        Subscription("client", SECOND, 0),
    ]
    await shards.registry.unsubscribe("client", FIRST)
    assert await relay.subscriptions() == [Subscription("client", SECOND, 0)]


def access_of(account: str) -> Access:
    return Access(Caller(Account(account), frozenset(Scope), f"key of {account}"))


async def is_refused(shards: Shards, connection_id: str, order_id: str) -> bool:
    """Whether a subscription is one too many; if not, it is stored."""
    try:
        await shards.registry.subscribe(Subscription(connection_id, order_id))
    except LimitReached as refused:
        assert (refused.code, refused.details["order_id"]) == ("TOO_MANY_SUBSCRIPTIONS", order_id)
        return True
    return False


async def test_subscriptions_are_limited_by_account_over_all_its_connections(shards: Shards) -> None:
    names = (f"connection-{number}" for number in range(100))
    first, second, other = [name for name in names if shards.registry.shard(name) == 0][:3]
    relay = shards.relay(first)
    assert await relay.acquire()
    for connection_id, account in ((first, "alice"), (second, "alice"), (other, "bob")):
        await shards.registry.connect(connection_id, account, access_of(account))
    orders = [f"{number}1111111-1111-4111-8111-111111111111" for number in range(PER_ACCOUNT + 1)]
    for connection_id, order_id in zip((first, second, first, second), orders, strict=False):
        assert not await is_refused(shards, connection_id, order_id)
        assert not await is_refused(shards, connection_id, order_id)  # it has it already
    last = orders[-1]
    assert await is_refused(shards, first, last)
    with pytest.raises(LimitReached):
        await shards.registry.reserve(Subscription(second, last))
    assert not await is_refused(shards, other, last)

    for _ in range(2):  # what is removed twice makes one place
        await shards.registry.unsubscribe(first, orders[0])
    assert not await is_refused(shards, first, last)
    assert await is_refused(shards, first, orders[0])
    for _ in range(2):
        await relay.remove_subscription(first, last)
    assert not await is_refused(shards, second, last)
    assert await is_refused(shards, first, orders[0])
    for _ in range(2):
        await relay.remove_connection(second)  # with three
    assert [await is_refused(shards, first, order_id) for order_id in orders] == [False] * 4 + [True]
    await shards.registry.disconnect(first, "alice")
    await shards.registry.connect(second, "alice", access_of("alice"))
    assert [await is_refused(shards, second, order_id) for order_id in orders] == [False] * 4 + [True]


async def test_connections_without_a_key_have_the_limits_of_a_connection_alone(shards: Shards) -> None:
    await shards.registry.connect("open", "here")
    orders = [f"{number}1111111-1111-4111-8111-111111111111" for number in range(PER_ACCOUNT + 1)]
    assert not any([await is_refused(shards, "open", order_id) for order_id in orders])


async def test_a_count_of_subscriptions_is_never_below_zero_and_is_forgotten_in_time(redis: Redis) -> None:
    registry = RedisRegistry(
        redis, shards=1, connections_per_client=9, subscriptions_per_connection=9, subscriptions_per_account=1
    )
    await registry.connect("connection", "alice", access_of("alice"))
    await registry.subscribe(Subscription("connection", FIRST))
    [counts] = [key async for key in redis.scan_iter("*:subscribed")]
    assert 0 < await redis.ttl(counts) <= LONGEST_CONNECTION_S
    await redis.delete(counts)
    await registry.unsubscribe("connection", FIRST)
    await registry.subscribe(Subscription("connection", FIRST))
    with pytest.raises(LimitReached):
        await registry.subscribe(Subscription("connection", SECOND))


async def test_a_subscription_that_is_published_is_a_change_and_a_reserved_one_is_not(shards: Shards) -> None:
    relay = shards.relay("client")
    await shards.registry.connect("client", "here")
    assert await relay.changes() == 0
    await shards.registry.reserve(Subscription("client", FIRST))
    assert await relay.changes() == 0
    for count in (1, 2):
        await shards.registry.subscribe(Subscription("client", FIRST))
        assert await relay.changes() == count
    await shards.registry.unsubscribe("client", FIRST)
    assert await relay.changes() == 2


async def test_subscribing_again_keeps_the_delivered_seq(shards: Shards) -> None:
    relay = shards.relay("client")
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST, 4))
    await shards.registry.subscribe(Subscription("client", FIRST, 0))
    assert await relay.subscriptions() == [Subscription("client", FIRST, 4)]


async def test_a_shard_has_a_relay_while_the_lease_is_held(shards: Shards) -> None:
    await shards.registry.connect("client", "here")
    assert not await shards.registry.has_relay("client")
    assert await shards.registry.shards_without_relay() == [shards.registry.shard("client")]
    relay = shards.relay("client")
    assert await relay.acquire()
    assert await shards.registry.has_relay("client")
    assert await shards.registry.shards_without_relay() == []
    await relay.release()
    assert not await shards.registry.has_relay("client")


async def test_a_shard_without_connections_needs_no_relay(shards: Shards) -> None:
    await shards.registry.connect("client", "here")
    await shards.registry.disconnect("client", "here")
    assert await shards.registry.shards_without_relay() == []


async def test_connections_are_spread_over_the_shards_and_each_stays_on_its_shard(shards: Shards) -> None:
    clients = [f"client-{number}" for number in range(100)]
    numbers = [shards.registry.shard(client) for client in clients]
    assert set(numbers) == set(range(SHARDS))
    assert numbers == [shards.registry.shard(client) for client in clients]
    for client in clients:
        await shards.registry.connect(client, "here")
    assert await shards.registry.shards_without_relay() == list(range(SHARDS))
    counts = [await shards.relay(clients[numbers.index(shard)]).connections() for shard in range(SHARDS)]
    assert counts == [numbers.count(shard) for shard in range(SHARDS)]


async def test_one_relay_holds_a_lease_and_only_that_relay_releases_it(shards: Shards) -> None:
    first, second = shards.relay("client", "first"), shards.relay("client", "second")
    assert [await first.acquire(), await second.acquire(), await first.acquire()] == [True, False, True]
    await second.release()
    assert await second.acquire() is False
    await first.release()
    assert await second.acquire() is True


async def test_a_saved_position_is_stored_until_the_subscription_is_removed(shards: Shards) -> None:
    relay = shards.relay("client")
    await relay.acquire()
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST))
    relay.save_position(Subscription("client", FIRST, 2))
    await relay.settled()
    assert await relay.subscriptions() == [Subscription("client", FIRST, 2)]
    await relay.remove_subscription("client", FIRST)
    assert await relay.subscriptions() == []


async def test_a_position_of_a_removed_subscription_is_not_stored(shards: Shards) -> None:
    relay = shards.relay("client")
    await relay.acquire()
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST))
    await shards.registry.unsubscribe("client", FIRST)
    relay.save_position(Subscription("client", FIRST, 2))
    await relay.settled()
    assert await relay.subscriptions() == []


async def test_a_relay_without_the_lease_writes_nothing(shards: Shards) -> None:
    late, relay = shards.relay("client", "late"), shards.relay("client")
    await relay.acquire()
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST, 1))
    late.save_position(Subscription("client", FIRST, 4))
    await late.settled()
    await late.restore([Subscription("other", FIRST, 4)])
    await late.remove_subscription("client", FIRST)
    assert await relay.subscriptions() == [Subscription("client", FIRST, 1)]


async def test_restore_stores_what_is_missing_and_nothing_else(shards: Shards) -> None:
    relay = shards.relay("client")
    await relay.acquire()
    await shards.registry.connect("client", "here")
    await shards.registry.subscribe(Subscription("client", FIRST, 5))
    await relay.restore([Subscription("client", FIRST, 3), Subscription("client", SECOND, 2)])
    await relay.restore([])
    assert sorted(await relay.subscriptions(), key=str) == [
        Subscription("client", FIRST, 5),
        Subscription("client", SECOND, 2),
    ]
    assert await relay.connections() == 1


async def test_a_connection_that_is_gone_can_be_removed(shards: Shards) -> None:
    await shards.registry.connect("client", "here")
    relay = shards.relay("client")
    await relay.remove_connection("client")
    assert await relay.connections() == 0


async def test_a_cleared_registry_has_no_connections_and_its_relays_are_notified(shards: Shards) -> None:
    clients = [f"client-{number}" for number in range(10)]
    relays = [shards.relay(client) for client in clients]
    notifications = relays[0].notifications()
    assert (await anext(notifications)).missed
    for client in clients:
        await shards.registry.connect(client, "here")
        await shards.registry.reserve(Subscription(client, FIRST))
    await shards.registry.clear()
    assert [await relay.connections() for relay in relays] == [0] * 10
    assert [await relay.subscriptions() for relay in relays] == [[]] * 10
    assert (await anext(notifications)).disconnect in clients
    await notifications.aclose()


async def test_without_redis_every_call_is_temporarily_unavailable() -> None:
    async with connect("redis://127.0.0.1:1") as unavailable:
        registry, relay = (shards := Shards(unavailable)).registry, shards.relay("client")
        for call in (
            registry.connect("client", "here"),
            registry.subscribe(Subscription("client", FIRST)),
            registry.unsubscribe("client", FIRST),
            registry.disconnect("client", "here"),
            registry.has_relay("client"),
            registry.clear(),
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


async def test_places_of_a_cleared_gateway_are_free(redis: Redis) -> None:
    limits = {"shards": SHARDS, "connections_per_client": 3, "subscriptions_per_connection": 9}
    registry = RedisRegistry(redis, **limits, gateway="one")
    for start in ("first", "second"):
        for number in range(3):
            await registry.connect(f"{start}-{number}", "client")
        with pytest.raises(LimitReached):
            await registry.connect(f"{start}-3", "client")
        await registry.clear()


async def test_gateways_that_share_a_redis_have_connections_places_and_relays_of_their_own(
    redis: Redis,
) -> None:
    limits = {"shards": 1, "connections_per_client": 1, "subscriptions_per_connection": 9}
    gateways = ("", "one", "two")
    registries = [RedisRegistry(redis, **limits, gateway=gateway) for gateway in gateways]
    relays = [
        RedisRelayChannel(redis, 0, gateway or "alone", parse_event_message, lease_ms=10_000, gateway=gateway)
        for gateway in gateways
    ]
    for registry, relay, gateway in zip(registries, relays, gateways, strict=True):
        await registry.connect(f"connection-{gateway}", "client")
        await registry.subscribe(Subscription(f"connection-{gateway}", FIRST))
        assert await relay.acquire()
    await registries[1].clear()
    assert [await relay.connections() for relay in relays] == [1, 0, 1]
    assert await relays[2].subscriptions() == [Subscription("connection-two", FIRST)]
    keys = [key async for key in redis.scan_iter()]
    expiring = [await redis.ttl(key) > 0 for key in keys]
    assert all(expiring), keys  # an engine that is killed leaves nothing for good
