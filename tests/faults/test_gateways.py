"""Two engines on one set of servers, and a gateway that is killed: each gateway's sockets are its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial

import pytest

from local.services import Services
from tests.e2e.client import Client, Socket, eventually
from tests.e2e.engine import Engine, LocalEngine
from tests.e2e.life import assert_complete
from tests.faults.world import World

SOCKETS, ORDERS = 10, 60
PLACES = 20
SETTINGS = {"SIM_LATENCY": "0.05", "MAX_SOCKETS_PER_CLIENT": str(PLACES)}


@pytest.fixture(scope="module")
def two_engines() -> Iterator[list[Engine]]:
    """Both attached to the same Postgres, Redis and SQS."""
    with Services(None, environ={}, durable=False) as services, ExitStack() as engines:
        environ = {**SETTINGS, **services.endpoints.environment()}
        yield [engines.enter_context(LocalEngine(environ)).start() for _ in range(2)]


async def live(socket: Socket, client: Client) -> None:
    """Submit an order with the client, and subscribe to it on the socket, perhaps of another engine."""
    order = await client.submit("SOL", "USDC")
    await socket.send(action="subscribe", orderId=order["orderId"])
    assert (await socket.receive())["action"] == "subscribed"
    assert_complete(await socket.life(order["orderId"]))


async def test_the_sockets_of_two_engines_on_the_same_servers_receive_everything(
    two_engines: list[Engine],
) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(engine)) for engine in two_engines]
        sockets = [
            await stack.enter_async_context(client.socket()) for client in clients for _ in range(SOCKETS)
        ]
        for _ in range(ORDERS // len(sockets)):
            await asyncio.gather(
                *(live(socket, clients[number % 2]) for number, socket in enumerate(sockets))
            )
        for socket in sockets:
            await socket.nothing_more()


async def test_an_engine_that_is_killed_leaves_the_others_sockets_as_they_are() -> None:
    with Services(None, environ={}, durable=False) as services:
        environ = {**SETTINGS, **services.endpoints.environment()}
        with LocalEngine(environ) as stays:
            engine = stays.start()
            async with Client(engine) as client, client.socket() as socket:
                with LocalEngine(environ) as leaves:
                    other = await asyncio.to_thread(leaves.start)
                    async with Client(other) as elsewhere, elsewhere.socket() as lost:
                        await live(lost, client)
                        await asyncio.to_thread(leaves.kill)
                    await live(socket, client)


async def test_places_of_a_gateway_that_was_killed_are_free_again() -> None:
    with World(MAX_SOCKETS_PER_CLIENT=str(PLACES)) as world:
        async with Client(world.engine) as client:
            for _ in range(2):
                async with AsyncExitStack() as sockets:
                    opened = [await sockets.enter_async_context(client.socket()) for _ in range(PLACES)]
                    await live(opened[0], client)
                    await asyncio.to_thread(world.kill, "gateway")
                    await eventually(partial(ended, opened))
                await asyncio.to_thread(world.pid, "gateway")
                await eventually(partial(serves, client))
            async with AsyncExitStack() as sockets:
                for _ in range(PLACES):
                    await sockets.enter_async_context(client.socket())


async def ended(sockets: list[Socket]) -> bool:
    return all(socket.connection.close_code is not None for socket in sockets)


async def serves(client: Client) -> bool:
    return (await client.ask("GET", "/health")).status == 200
