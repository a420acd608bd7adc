"""Requests on a client's connection: what they change in the registry, and what they are answered."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from chalicelib.api.wire import answers, requests
from chalicelib.domain.account import OPEN_CALLER, Access
from chalicelib.domain.errors import EngineError, NotFound, TemporarilyUnavailable
from chalicelib.ports.live import ConnectionGone
from chalicelib.ports.store import NewOrder
from chalicelib.services.cancellation import Cancellation
from chalicelib.services.live.messages import Request, Subscribe
from chalicelib.services.live.subscriptions import Subscriptions
from chalicelib.services.orders import Orders
from chalicelib.services.submission import Submission

from tests.fakes import (
    MemoryEvents,
    MemoryLauncher,
    MemoryPush,
    MemoryQueue,
    MemoryRegistry,
    MemoryStore,
    Redis,
    announcer,
    eventually,
)
from tests.samples import RULES, TERMS

ORDER = "11111111-1111-4111-8111-111111111111"
UNKNOWN = "22222222-2222-4222-8222-222222222222"
NEW = "33333333-3333-4333-8333-333333333333"
CLIENT = "127.0.0.1"


class World:
    """A client's side of the WebSocket API; there is one order, ORDER, and the next submitted is NEW."""

    def __init__(self) -> None:
        self.redis, self.store, self.queue = Redis(), MemoryStore(), MemoryQueue()
        self.push, self.launcher = MemoryPush(), MemoryLauncher()
        submission = Submission(
            self.store, self.queue, announcer(MemoryEvents(self.redis)), new_id=lambda: NEW
        )
        cancellation = Cancellation(self.store, announcer(MemoryEvents(self.redis)))
        registry = MemoryRegistry(self.redis)
        render = partial(answers.message, websocket_url="wss://engine.example")
        self.subscriptions = Subscriptions(
            Orders(self.store), registry, self.push, self.launcher, submission, cancellation, render
        )

    async def connect(
        self, connection_id: str = "client", order_id: str | None = ORDER, after: int = 0
    ) -> None:
        subscription = Subscribe(order_id, after) if order_id else None
        await self.subscriptions.connect(Access(OPEN_CALLER), connection_id, CLIENT, subscription)

    async def request(self, **message: object) -> Any:
        """The answer to a message."""
        await self.receive(message)
        return self.push.frames["client"][-1]

    async def receive(self, message: dict[str, object]) -> None:
        """Receive a message from a client that is registered."""
        self.redis.connections[0].add("client")
        await self.message(message)

    async def message(self, message: dict[str, object]) -> None:
        await self.subscriptions.message("client", CLIENT, parsed(message))

    @property
    def subscribed(self) -> dict[str, int]:
        return {order_id: after for (_, order_id), after in self.redis.subscriptions[0].items()}


def parsed(message: dict[str, object]) -> Request | EngineError:
    try:
        return requests.message(message, RULES)
    except EngineError as error:
        return error


@pytest.fixture
async def world() -> World:
    world = World()
    await world.store.create(NewOrder(ORDER, TERMS))
    return world


@pytest.mark.parametrize("after", [0, 3])
async def test_a_client_connects_with_a_subscription(world: World, after: int) -> None:
    await world.connect(after=after)
    assert world.redis.connections[0] == {"client"}
    assert world.subscribed == {ORDER: after}


async def test_a_client_may_connect_without_an_order(world: World) -> None:
    await world.connect(order_id=None)
    assert (world.redis.connections[0], world.subscribed) == ({"client"}, {})


async def test_connecting_to_an_unknown_order_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        await world.connect(order_id=UNKNOWN)
    assert (world.redis.connections[0], world.subscribed, world.launcher.launched) == (set(), {}, [])


async def test_the_first_client_of_a_shard_requests_a_relay_and_the_next_does_not(world: World) -> None:
    await world.connect()
    assert world.launcher.launched == [0]
    world.redis.leases[0] = "relay"
    await world.connect("other")
    assert world.launcher.launched == [0]


async def test_a_client_connects_though_no_relay_can_be_started(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.launcher.refused.add(0)
    await world.connect()
    assert (world.redis.connections[0], world.subscribed) == ({"client"}, {ORDER: 0})
    [warning] = caplog.records
    assert warning.levelname == "WARNING"
    assert "shard=0" in warning.getMessage()


@pytest.mark.parametrize(
    ("message", "subscribed"),
    [
        ({"action": "subscribe", "orderId": ORDER}, ORDER),
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amount": Decimal(1)}, NEW),
    ],
)
async def test_a_request_succeeds_though_no_relay_can_be_started(
    world: World, message: dict[str, object], subscribed: str
) -> None:
    world.launcher.refused.add(0)
    await world.receive(message)
    [answer] = world.push.frames["client"]
    assert answer["orderId"] == subscribed
    assert world.subscribed == {subscribed: 0}


async def test_a_subscription_is_stored_and_answered(world: World) -> None:
    assert await world.request(action="subscribe", orderId=ORDER, after=Decimal(2)) == {
        "action": "subscribed",
        "orderId": ORDER,
        "after": 2,
    }
    assert world.subscribed == {ORDER: 2}
    assert world.launcher.launched == [0]


async def test_an_unsubscribe_removes_the_subscription(world: World) -> None:
    await world.request(action="subscribe", orderId=ORDER)
    assert await world.request(action="unsubscribe", orderId=ORDER) == {
        "action": "unsubscribed",
        "orderId": ORDER,
    }
    assert world.subscribed == {}


async def test_an_unsubscribe_without_a_subscription_is_answered(world: World) -> None:
    assert (await world.request(action="unsubscribe", orderId=UNKNOWN))["action"] == "unsubscribed"


async def test_a_ping_is_answered(world: World) -> None:
    assert await world.request(action="ping") == {"action": "pong"}


async def test_an_order_submitted_on_a_connection_is_subscribed(world: World) -> None:
    answer = await world.request(tokenIn="SOL", tokenOut="USDC", amount=Decimal(1))
    assert answer == {
        "orderId": NEW,
        "status": "pending",
        "websocket": f"wss://engine.example?orderId={NEW}",
        "replayed": False,
    }
    assert world.subscribed == {NEW: 0}
    assert world.queue.sent == [NEW]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "dance"}, "UNKNOWN_ACTION"),
        ({"action": None}, "UNKNOWN_ACTION"),
        ({"action": ["ping"]}, "UNKNOWN_ACTION"),
        ({"action": "PING"}, "UNKNOWN_ACTION"),
        ({"action": "subscribe"}, "INVALID_ORDER_ID"),
        ({"action": "subscribe", "orderId": None}, "INVALID_ORDER_ID"),
        ({"action": "subscribe", "orderId": UNKNOWN}, "ORDER_NOT_FOUND"),
        ({"action": "subscribe", "orderId": ORDER, "after": None}, "INVALID_PARAMETER"),
        ({"action": "subscribe", "orderId": ORDER, "after": True}, "INVALID_PARAMETER"),
        ({"action": "subscribe", "orderId": ORDER, "after": Decimal("1.5")}, "INVALID_PARAMETER"),
        ({"action": "subscribe", "orderId": ORDER, "after": Decimal("-1")}, "INVALID_PARAMETER"),
        ({"action": "subscribe", "orderId": ORDER, "after": Decimal("NaN")}, "INVALID_PARAMETER"),
        ({"action": "unsubscribe", "orderId": "17"}, "INVALID_ORDER_ID"),
        ({}, "MISSING_FIELD"),
        ({"tokenIn": "SOL", "tokenOut": "SOL", "amount": Decimal(1)}, "SAME_TOKEN"),
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amount": Decimal(0)}, "INVALID_AMOUNT"),
    ],
    ids=str,
)
async def test_an_invalid_message_is_answered_with_its_error(
    world: World, message: dict[str, object], code: str
) -> None:
    answer = await world.request(**message)
    assert (answer["code"], answer["error"][-1]) == (code, ".")
    assert (world.subscribed, world.queue.sent) == ({}, [])


async def test_an_unavailable_store_is_answered_with_an_error(world: World) -> None:
    world.store.unavailable = True
    assert (await world.request(action="subscribe", orderId=ORDER))["code"] == "TEMPORARILY_UNAVAILABLE"


async def test_an_unavailable_registry_refuses_the_connection(world: World) -> None:
    world.redis.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.connect()


async def test_an_answer_to_a_closed_connection_raises_connection_gone(world: World) -> None:
    world.push.gone.add("client")
    with pytest.raises(ConnectionGone):
        await world.receive({"action": "ping"})


async def test_concurrent_messages_are_each_answered(world: World) -> None:
    pings = (world.receive({"action": "ping"}) for _ in range(20))
    await asyncio.gather(*pings)
    assert world.push.frames["client"] == [{"action": "pong"}] * 20


async def test_an_unregistered_connection_is_closed_at_its_next_message(world: World) -> None:
    await world.connect()
    world.redis.flush()
    await world.message({"action": "ping"})
    assert (world.push.closed, world.push.frames["client"]) == (["client"], [])


async def test_an_unregistered_connection_submits_nothing(world: World) -> None:
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": Decimal(1)}
    await world.message(order)
    assert world.push.closed == ["client"]
    assert await world.store.order(NEW) is None


@pytest.mark.parametrize("is_silent", [False, True], ids=["away", "silent"])
async def test_a_submit_is_stored_and_answered_without_the_registry(world: World, is_silent: bool) -> None:
    await world.connect()
    if is_silent:
        world.redis.replying.clear()
    else:
        world.redis.unavailable = True
    submitting = asyncio.create_task(
        world.message({"tokenIn": "SOL", "tokenOut": "USDC", "amount": Decimal(1)})
    )
    await eventually(lambda: world.push.frames["client"])
    assert world.push.frames["client"][0]["orderId"] == NEW
    assert world.queue.sent == [NEW]
    world.redis.replying.set()
    await submitting


async def test_other_messages_wait_for_the_registry(world: World) -> None:
    await world.connect()
    world.redis.unavailable = True
    assert (await world.request(action="ping"))["code"] == "TEMPORARILY_UNAVAILABLE"
