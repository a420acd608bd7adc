"""The user that data.yaml makes for the engine in Redis may do what the adapters do, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import redis
from chalicelib.adapters.redis import watched
from chalicelib.adapters.redis.events import RedisEvents
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.rates import RedisRates
from chalicelib.adapters.redis.registry import RedisRegistry
from chalicelib.adapters.redis.relay_channel import RedisRelayChannel
from chalicelib.api.wire.events import event_message, parse_event_message
from chalicelib.domain.account import OPEN_CALLER, Access
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.live import Notification, Subscription
from chalicelib.ports.rates import Rate
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from local.servers import Valkey
from tests.fakes import eventually
from tests.infra.resolved import load

ORDER = "11111111-1111-4111-8111-111111111111"
ACCESS = load("data.yaml")["Resources"]["RedisUser"]["Properties"]["AccessString"].split()
NEEDS_NO_PERMISSION = {"auth", "hello"}
OPERATORS = {"acl|log", "config|resetstat", "info"}  # this test's own


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A Valkey with the engine's user in it, and a connection that may do everything."""
    server = Valkey(tmp_path_factory.mktemp("valkey"), temporary=True)
    server.start()
    try:
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            client.execute_command("ACL", "SETUSER", "engine", ">secret", *ACCESS)
            yield client
    finally:
        server.stop()


@pytest.fixture
async def engine(operator: redis.Redis) -> AsyncIterator[Redis]:
    """The connection of the functions."""
    port = operator.connection_pool.connection_kwargs["port"]
    async with connect(f"redis://engine:secret@127.0.0.1:{port}/0") as client:
        yield client


async def do_all_that_the_adapters_do(client: Redis, operator: redis.Redis) -> None:
    events = RedisEvents(client, event_message)
    registry = RedisRegistry(client, shards=1, connections_per_client=10, subscriptions_per_connection=10)
    relay = RedisRelayChannel(client, 0, "fence", parse_event_message, lease_ms=10_000)
    subscription = Subscription("connection", ORDER, 1)

    await events.check()
    assert await registry.use_once("nonce", "connection", 60_000)
    assert (await RedisRates(client).take("account:any", Rate(1, 1))).is_allowed
    await registry.connect("connection", "client", Access(OPEN_CALLER))
    assert await registry.access("connection") == Access(OPEN_CALLER)
    assert await relay.keys() == {"connection": OPEN_CALLER.key_id}
    await registry.reserve(subscription)
    assert await relay.acquire()
    assert await registry.has_relay("connection")
    assert await registry.is_registered("connection")
    assert await registry.shards_without_relay() == []
    notifications = relay.notifications()
    assert (await anext(notifications)).missed

    change = asyncio.ensure_future(anext(notifications))
    await eventually(lambda: "cmdstat_ping" in operator.info("commandstats"))
    await registry.subscribe(subscription)
    assert await change == Notification(subscribe=subscription)
    event = asyncio.ensure_future(anext(notifications))
    await relay.listen(ORDER)
    events.publish(Event(ORDER, 2, Status.ROUTING, 1, datetime.now(UTC)))
    await events.settled()
    assert (await event).event is not None
    await relay.unlisten(ORDER)
    await notifications.aclose()

    relay.save_position(Subscription("connection", ORDER, 2))
    await relay.settled()
    assert await relay.subscriptions() == [Subscription("connection", ORDER, 2)]
    await relay.restore([subscription])
    assert await relay.subscriptions() == [Subscription("connection", ORDER, 2)]
    await relay.remove_subscription("connection", ORDER)
    await registry.unsubscribe("connection", ORDER)
    await relay.remove_connection("connection")
    assert await relay.connections() == 0
    assert await relay.changes() == 1
    await registry.disconnect("connection", "client")
    await relay.release()


async def test_the_user_may_run_exactly_the_commands_that_the_adapters_use(
    operator: redis.Redis, engine: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "PING_AFTER_S", 0.1)
    operator.config_resetstat()
    await do_all_that_the_adapters_do(engine, operator)
    assert operator.acl_log() == []  # no command was refused
    used = {name.removeprefix("cmdstat_") for name in operator.info("commandstats")}
    allowed = {word[1:] for word in ACCESS if word.startswith("+")}
    assert allowed == used - NEEDS_NO_PERMISSION - OPERATORS


@pytest.mark.parametrize(
    "command",
    [
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("CONFIG", "GET", "*"),
        ("GET", "elsewhere"),
        ("PUBLISH", "elsewhere", "news"),
        ("SUBSCRIBE", "elsewhere"),
    ],
    ids=lambda command: " ".join(command),
)
async def test_the_user_is_refused_everything_else(engine: Redis, command: tuple[str, ...]) -> None:
    with pytest.raises(NoPermissionError):
        await engine.execute_command(*command)
