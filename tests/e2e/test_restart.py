"""An engine that is stopped or killed in the middle of its work, and started again on the same folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e import evidence, processes
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine, LocalEngine, deployed
from tests.e2e.life import TERMINAL, Wire, assert_complete

# Orders that take a second, workers that are missed after two, and a sweep that looks for them at once.
SETTINGS = {
    "SIM_LATENCY": "0.4",
    "SIM_FAULTS": "",
    "CONFIRM_TIMEOUT_MS": "1800",
    "LEASE_MS": "2000",
    "SWEEP_AFTER_MS": "100",
    "RELAY_LEASE_MS": "1000",
}
MORE_THAN_ARE_IN_FLIGHT = 15


@pytest.fixture(scope="module")
def process() -> Iterator[LocalEngine]:
    """An engine of this module's own, not yet started."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with LocalEngine(SETTINGS) as process:
        yield process


async def begin(client: Client) -> tuple[list[Wire], list[Wire]]:
    """Submit more orders than are worked on at once; them, and the first one's events until it is built."""
    orders = await asyncio.gather(*(client.submit("SOL", "USDC") for _ in range(MORE_THAN_ARE_IN_FLIGHT)))
    async with client.socket(orders[0]["websocket"]) as socket:
        begun = await socket.until(lambda event: event["status"] == "building")
    return orders, begun


async def assert_all_end(engine: Engine, orders: list[Wire], begun: list[Wire]) -> None:
    """That every order is confirmed by one swap, and that a subscriber that reconnects misses nothing."""
    async with Client(engine) as client:
        async with client.socket(orders[0]["websocket"] + f"&after={begun[-1]['seq']}") as socket:
            first = begun + await socket.life(orders[0]["orderId"])
        lives = [first, *await asyncio.gather(*(client.follow(order) for order in orders[1:]))]
    for events in lives:
        assert_complete(events)
        assert events[-1]["status"] == "confirmed"
    assert {landed for _, _, landed, _ in evidence.landed_swaps(engine)} == {1}


async def unfinished(client: Client, orders: list[Wire]) -> int:
    """How many of the orders have not ended."""
    shown = [await client.order(order["orderId"]) for order in orders]
    return sum(order["status"] not in TERMINAL for order in shown)


async def test_orders_in_flight_when_the_engine_is_stopped_end_after_it_is_started_again(
    process: LocalEngine,
) -> None:
    async with Client(process.start()) as client:
        orders, begun = await begin(client)
        assert await unfinished(client, orders)
    assert process.stop() == 0
    await assert_all_end(process.start(), orders, begun)


async def test_orders_in_flight_when_the_engine_is_killed_end_after_it_is_started_again(
    process: LocalEngine,
) -> None:
    async with Client(process.start()) as client:
        orders, begun = await begin(client)
        assert await unfinished(client, orders)
    process.kill()
    await assert_all_end(process.start(), orders, begun)


async def test_nothing_is_left_running_after_a_kill_and_the_history_is_still_there(
    process: LocalEngine,
) -> None:
    async with Client(process.start()) as client:
        order = await client.submit("SOL", "USDC")
        events = await client.follow(order)
        listed = (await client.get("/api/orders", limit=200))["orders"]
    family = processes.tree(process.pid)
    assert len(family) > len(("engine", "postgres", "valkey", "sqs"))
    process.kill()

    async def left() -> set[processes.Process]:
        return {member for member in family if member.is_alive}

    await eventually(left, lambda alive: not alive)

    async with Client(process.start()) as client:
        assert (await client.get("/api/orders", limit=200))["orders"] == listed
        assert (await client.order(order["orderId"]))["events"] == events
        assert await client.follow(order) == events
