"""Relays come and go while sockets stay: what a client sees does not depend on which of them served it.

A relay serves for RELAY_SECONDS and starts the next one, as a function does whose time is nearly up.
"""

from __future__ import annotations

import asyncio

from tests.e2e import evidence
from tests.e2e.client import Client, Socket, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete

HANDOVERS = 2


async def test_sockets_that_outlive_their_relays_see_every_order_whole(
    client: Client, engine: Engine
) -> None:
    async with client.socket() as stays:
        seen = {await relay(engine)}
        lives: list[list[Wire]] = []
        while len(seen) <= HANDOVERS:
            lives.append(await live(stays, client))
            seen.add(await relay(engine))
        await stays.nothing_more()
    for events in lives:
        assert_complete(events)
        assert events == (await client.order(events[0]["orderId"]))["events"]


async def live(socket: Socket, client: Client) -> list[Wire]:
    """An order's life on a socket that has seen others before. RAY's takes longer: its first swap slips."""
    order_id = (await client.submit("RAY", "USDC"))["orderId"]
    assert (await socket.ask(action="subscribe", orderId=order_id))["action"] == "subscribed"
    return await socket.life(order_id)


async def relay(engine: Engine) -> str:
    """The fence of the relay that serves now; there is a moment without one."""
    found = await eventually(lambda: asyncio.to_thread(evidence.relay_fence, engine))
    assert found
    return found
