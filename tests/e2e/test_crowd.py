"""Many orders and many clients at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from tests.e2e.client import Client, Socket
from tests.e2e.life import Wire, assert_complete, most_in_flight

SOUND = ("SOL", "USDT", "BONK")  # sold for USDC, without a fault
IN_FLIGHT = 10


async def test_fifty_clients_that_connect_before_their_orders_see_them_whole(client: Client) -> None:
    async with AsyncExitStack() as sockets:
        opened = await asyncio.gather(*(sockets.enter_async_context(client.socket()) for _ in range(50)))

        async def live(socket: Socket, number: int) -> list[Wire]:
            answer = await client.submit(SOUND[number % 3], "USDC")
            assert (await socket.ask(action="subscribe", orderId=answer["orderId"]))["action"] == "subscribed"
            events = await socket.life(answer["orderId"])
            await socket.nothing_more()
            return events

        lives = await asyncio.gather(*(live(socket, number) for number, socket in enumerate(opened)))
    for events in lives:
        assert_complete(events)
        assert events == (await client.order(events[0]["orderId"]))["events"]


async def test_fifty_clients_that_connect_at_any_time_see_their_orders_whole(client: Client) -> None:
    answers = await asyncio.gather(*(client.submit(SOUND[number % 3], "USDC") for number in range(50)))
    lives = await asyncio.gather(*(client.follow(answer) for answer in answers))
    for events in lives:
        assert_complete(events)
        assert events == (await client.order(events[0]["orderId"]))["events"]


async def test_of_a_hundred_orders_at_once_never_more_than_ten_are_in_flight_and_all_end(
    client: Client,
) -> None:
    tokens = [*SOUND * 3, "COPE"]  # a tenth of them is retried twice, and that counts, too
    answers = await asyncio.gather(*(client.submit(tokens[n % 10], "USDC") for n in range(100)))
    lives = await asyncio.gather(*(client.follow(answer) for answer in answers))
    for events in lives:
        assert_complete(events)
    assert [events[-1]["status"] for events in lives] == ["confirmed"] * 100
    if client.engine.is_local:
        assert most_in_flight(lives) == IN_FLIGHT
    else:  # whose processes have to start first, while the orders wait
        assert 1 < most_in_flight(lives) <= IN_FLIGHT * (client.engine.proxied or 1)  # each takes its ten
