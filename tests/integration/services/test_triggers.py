"""Resting orders in a whole engine: fired by its triggers, and never filled below their price."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from chalicelib.config import Config
from chalicelib.runtime import Runtime

from local.endpoints import find_running
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete, statuses

SETTINGS = {"SIM_LATENCY": "0", "SIM_SLOT_MS": "20", "RETRY_BASE_MS": "1", "TRIGGER_POLL_MS": "50"}
WAY = ["open", "pending", "routing", "building", "submitted", "confirmed"]


@pytest.fixture
async def beside(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    """The engine's own parts, in another process than the engine's."""
    assert engine.state is not None
    endpoints = find_running(engine.state)
    assert endpoints is not None
    for name, value in endpoints.credentials().items():
        monkeypatch.setenv(name, value)
    config = endpoints.configure(Config.load({"SIM_LATENCY": "0", "SIM_SLOT_MS": "20"}))
    runtime = Runtime(config, asyncio.get_running_loop())
    yield runtime
    await runtime.close()


async def price_of(client: Client, amount: str = "1.5") -> Decimal:
    """What a SOL is sold for now, in USDC."""
    quotes = await client.get("/api/quote", tokenIn="SOL", tokenOut="USDC", amount=amount)
    return Decimal(quotes["amountOut"]) / Decimal(amount)


async def rest(client: Client, price: Decimal, **more: object) -> Wire:
    return await client.submit("SOL", "USDC", "1.5", type="limit", limitPrice=f"{price:.6f}", **more)


async def test_a_limit_within_the_market_fires_and_is_filled_at_its_price_or_better(client: Client) -> None:
    limit = await price_of(client) * Decimal("0.99")
    events = await client.follow(await rest(client, limit))
    assert_complete(events)
    assert statuses(events) == WAY
    assert Decimal(events[-1]["amountOut"]) >= Decimal(events[0]["minimumOut"])
    assert Decimal(events[1]["triggerPrice"]) >= limit - Decimal("0.000001")


async def test_a_limit_beyond_the_market_rests_until_it_is_cancelled(client: Client) -> None:
    order = await rest(client, await price_of(client) * 2)
    async with client.socket(order["websocket"]) as socket:
        assert (await socket.receive())["status"] == order["status"] == "open"
        await socket.send(action="cancel", orderId=order["orderId"])
        # the answer and the event come in either order
        received = [await socket.receive(), await socket.receive()]
        assert {"action": "cancelled", "orderId": order["orderId"]} in received
        assert "cancelled" in [message.get("status") for message in received]
        shown = await client.order(order["orderId"])
    assert shown["status"] == "cancelled"
    assert statuses(shown["events"]) == ["open", "cancelled"]


async def test_a_stop_fires_when_the_price_is_at_or_below_it(client: Client) -> None:
    price = await price_of(client)
    events = await client.follow(
        await client.submit("SOL", "USDC", "1.5", type="stop", stopPrice=str(price * 2))
    )
    assert statuses(events) == WAY
    waiting = await client.submit("SOL", "USDC", "1.5", type="stop", stopPrice=str(price / 2))
    assert waiting["status"] == "open"


async def test_an_order_expires_when_its_time_is_over(client: Client) -> None:
    order = await rest(client, await price_of(client) * 2, expiresInMs=200)
    events = await client.follow(order)
    assert_complete(events)
    assert statuses(events) == ["open", "expired"]
    assert evidence.landed_swaps_of(client.engine, order["orderId"]) == 0


async def test_two_triggers_fire_an_order_once(client: Client, beside: Runtime) -> None:
    beyond = await price_of(client) * Decimal("0.99")
    orders = [await rest(client, beyond) for _ in range(20)]
    await asyncio.gather(*(beside.triggers.once() for _ in range(5)))
    lives = await asyncio.gather(*map(client.follow, orders))
    for events in lives:
        assert_complete(events)
        assert statuses(events).count("routing") == 1
        assert evidence.landed_swaps_of(client.engine, events[0]["orderId"]) == 1


async def test_a_limit_order_is_never_filled_below_its_price(client: Client) -> None:
    """Limits so near the price that for many it is gone when they are executed."""
    price, near = await price_of(client), random.Random("near")
    orders = [await rest(client, price * Decimal(str(near.uniform(0.996, 1.0005)))) for _ in range(60)]
    ended = [await _ended(client, order["orderId"]) for order in orders]
    filled = [order for order in ended if order["status"] == "confirmed"]
    assert filled
    below = [order for order in filled if Decimal(order["executedPrice"]) < Decimal(order["limitPrice"])]
    assert below == []


async def _ended(client: Client, order_id: str) -> Wire:
    """The order once it has ended: one that rests is cancelled, unless a worker has it at the moment."""

    async def end() -> Wire:
        await client.ask("DELETE", f"/api/orders/{order_id}")
        return await client.order(order_id)

    order = await eventually(end, lambda order: order["status"] in ("confirmed", "failed", "cancelled"))
    assert order["attempt"] == 1
    return order
