"""Sockets: one for each order, many that are idle, many on one order.

Their messages are read as they come: `follow` would ask for what the engine has left out.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection

from local.client import AsyncEngineClient

from .submitting import submit

STEPS = ["pending", "routing", "building", "submitted", "confirmed"]
ENDED = ("confirmed", "failed")
AT_ONCE = 100  # handshakes
LONGEST_S = 30.0  # for an event that does not come


async def own_sockets(
    client: AsyncEngineClient, orders: int, clients: int, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """Each client submits, connects with the order's id, waits for its end, and goes on with the next."""
    ids: list[str] = []
    seen: list[list[str]] = []

    async def one(numbers: Iterator[int]) -> None:
        for number in numbers:
            answer = await submit(client, number)
            ids.append(answer["orderId"])
            seen.append(await _statuses(client, answer["websocket"]))
            on_done(len(ids))

    numbers, began = iter(range(orders)), time.time()
    await asyncio.gather(*(one(numbers) for _ in range(clients)))
    return {
        "ids": ids,
        "began": began,
        "ended": time.time(),
        "unended": sum(not statuses or statuses[-1] not in ENDED for statuses in seen),
        "missing": sum(not is_whole(statuses) for statuses in seen),
    }


def is_whole(statuses: list[str]) -> bool:
    """Whether every step was seen, in order; one that was seen twice counts where it was first."""
    return list(dict.fromkeys(statuses)) == STEPS


async def idle(
    client: AsyncEngineClient, path: str, sockets: int, opened: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    """Open `sockets` to `path` and keep them until `opened` returns."""
    async with _sockets(client, path, sockets) as kept:
        await opened()
        return {"lost": sum(socket.close_code is not None for socket in kept)}


async def crowd(client: AsyncEngineClient, sockets: int) -> dict[str, Any]:
    """Submit one order, open `sockets` to it, and say when each got its last event (unix s)."""
    answer = await submit(client, 0)
    arrivals: list[float] = []

    async def listen(socket: ClientConnection) -> None:
        # Not parsed, or the last socket would wait for the first one's JSON.
        while '"confirmed"' not in await socket.recv(decode=True):
            pass
        arrivals.append(time.time())

    async with _sockets(client, answer["websocket"], sockets) as kept:
        opened = time.time()
        listening = [asyncio.create_task(listen(socket)) for socket in kept]
        await asyncio.wait(listening, timeout=LONGEST_S)  # the count says how many did not get it
    return {"ids": [answer["orderId"]], "opened": opened, "arrivals": sorted(arrivals)}


async def _statuses(client: AsyncEngineClient, address: str) -> list[str]:
    statuses: list[str] = []
    async with client.socket(address) as socket:
        with suppress(TimeoutError):  # counted as one that missed its end
            async with asyncio.timeout(LONGEST_S):
                async for message in socket:
                    if status := json.loads(message).get("status"):
                        statuses.append(status)
                    if status in ENDED:
                        break
    return statuses


@asynccontextmanager
async def _sockets(
    client: AsyncEngineClient, address: str, number: int
) -> AsyncIterator[list[ClientConnection]]:
    room = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def one() -> ClientConnection:
            async with room:
                return await stack.enter_async_context(client.socket(address))

        yield await asyncio.gather(*(one() for _ in range(number)))
