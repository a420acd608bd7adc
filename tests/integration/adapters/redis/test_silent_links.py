"""The relay's pub/sub connection falls silent and stays open: a ping shows it, and nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.redis import pool, relay_channel, watched
from chalicelib.adapters.redis.events import RedisEvents
from chalicelib.adapters.redis.registry import RedisRegistry
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.api.wire.events import event_message, parse_event_message
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import Terms
from chalicelib.ports.live import Notification, Subscription
from chalicelib.ports.store import NewOrder
from chalicelib.services.live.relay import Relay
from redis.asyncio import Redis

from local.servers import Valkey
from local.services import Endpoints
from tests.fakes import MemoryPush, MemoryStore, eventually
from tests.link import Link
from tests.samples import SOL, USDC
from tests.silence import silenced

LIMITS: dict[str, Any] = {"shards": 1, "connections_per_client": 100, "subscriptions_per_connection": 100}
ORDER = "11111111-1111-4111-8111-111111111111"
LOST, RESTORED = "relay: pub/sub lost", "relay: pub/sub restored"


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(pool, "CONNECT_S", 0.5)
    monkeypatch.setattr(pool, "REPLY_S", 0.3)
    monkeypatch.setattr(pool, "PROBE_EVERY_S", 0.05)


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    """A Redis database of the tests' own, empty, on a link without faults."""
    async with pool.connect(urlsplit(services.redis_url)._replace(path="/7").geturl()) as redis:
        await redis.flushdb()
        yield redis


@pytest.fixture
async def link(services: Endpoints) -> AsyncIterator[Link]:
    async with Link.to(urlsplit(services.redis_url)._replace(path="/7").geturl()) as link:
        yield link


class Served:
    """A relay whose Redis is behind a link, and clients whose subscriptions come by a good one."""

    def __init__(self, relays: Redis, clients: Redis) -> None:
        self.store, self.push = MemoryStore(), MemoryPush()
        self.registry = RedisRegistry(clients, **LIMITS)
        self.events = RedisEvents(clients, event_message)
        channel = RedisRelayChannel(relays, 0, "fence", parse_event_message, lease_ms=10_000)
        relay = Relay(channel, self.store, self.push, event_message, lease=10, poll=60, idle=30)
        self.serving = asyncio.create_task(relay.run(300))

    async def subscribe(self, connection_id: str) -> None:
        await self.registry.connect(connection_id, "here")
        await self.registry.subscribe(Subscription(connection_id, ORDER))

    async def order(self) -> None:
        created = await self.store.create(NewOrder(ORDER, Terms(SOL, USDC, 10**9, slippage_bps=100)))
        assert isinstance(created, Event)
        self.events.publish(created)

    def move(self, status: Status) -> None:
        self.events.publish(self.store.append(ORDER, status))

    async def close(self) -> None:
        self.serving.cancel()
        await asyncio.gather(self.serving, return_exceptions=True)


@pytest.fixture
async def served(link: Link, redis: Redis) -> AsyncIterator[Served]:
    async with pool.connect(link.url, listeners=2) as relays:
        served = Served(relays, redis)
        await served.order()
        await served.subscribe("early")
        await eventually(lambda: served.push.seqs("early") == [1])
        yield served
        await served.close()


async def test_what_was_missed_on_a_black_holed_connection_is_delivered_on_a_new_one(
    served: Served, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    link.lose()
    served.move(Status.ROUTING)
    await served.subscribe("late")
    await eventually(lambda: served.push.seqs("early") == [1, 2], within=5)  # the relay's poll is a minute
    await eventually(lambda: served.push.seqs("late") == [1, 2], within=5)
    assert caplog.text.count(LOST) == 1
    assert caplog.text.count(RESTORED) == 1


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_link_that_stays_black_holed_is_one_line_and_served_when_it_passes_again(
    served: Served, link: Link, caplog: pytest.LogCaptureFixture, direction: str
) -> None:
    getattr(link, direction).black_hole()
    served.move(Status.ROUTING)
    connections = link.connections
    await eventually(lambda: link.connections > connections + 2)
    link.heal()
    await eventually(lambda: served.push.seqs("early") == [1, 2], within=10)
    assert caplog.text.count(LOST) == 1


async def test_a_message_that_is_cut_short_breaks_the_connection_and_is_delivered_on_a_new_one(
    served: Served, link: Link
) -> None:
    link.down.reset_when(lambda data: b"message" in data, keep=10)
    served.move(Status.ROUTING)
    await eventually(lambda: link.down.faults)
    link.heal()
    await eventually(lambda: served.push.seqs("early") == [1, 2], within=5)


async def test_an_idle_connection_that_answers_pings_is_kept(served: Served, link: Link) -> None:
    connections, received = link.connections, link.down.bytes
    await eventually(lambda: link.down.bytes > received + 5 * len("+PONG\r\n"))
    assert link.connections == connections
    served.move(Status.ROUTING)
    await eventually(lambda: served.push.seqs("early") == [1, 2])


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server of this module's own, which its tests may stop."""
    server = Valkey(tmp_path_factory.mktemp("valkey") / "server", temporary=True)
    server.start()
    yield server
    server.stop()


async def test_listening_does_not_wait_for_a_silent_server(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_channel, "LISTEN_TIMEOUT_S", 0.2)
    async with pool.connect(valkey.url, listeners=2) as redis:
        channel = RedisRelayChannel(redis, 0, "fence", parse_event_message, lease_ms=10_000)
        notifications = channel.notifications()
        assert (await anext(notifications)).missed
        waiting = asyncio.ensure_future(anext(notifications))
        with silenced(valkey):
            async with asyncio.timeout(5):
                for number in range(5):
                    await channel.listen(f"order-{number}")
                    await channel.unlisten(f"order-{number}")
        assert await waiting == Notification(missed=True)
        await notifications.aclose()
