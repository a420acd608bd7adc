"""Sockets: one for each order, many that are idle, many on one order."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from .http import HttpConnection
from .socket import Socket
from .submitting import Target, submit

STEPS = ["pending", "routing", "building", "submitted", "confirmed"]
ENDED = ("confirmed", "failed")
AT_ONCE = 100  # handshakes
LONGEST_S = 30.0  # for an event that does not come


async def own_sockets(
    target: Target, orders: int, clients: int, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """Each client submits, connects with the order's id, waits for its end, and goes on with the next."""
    ids: list[str] = []
    seen: list[list[str]] = []

    async def client(numbers: Iterator[int]) -> None:
        connection = await HttpConnection.open(target.host, target.port)
        for number in numbers:
            answer = await submit(connection, number)
            ids.append(answer["orderId"])
            seen.append(await _statuses(target, target.socket_path(answer["websocket"])))
            on_done(len(ids))
        connection.close()

    numbers, began = iter(range(orders)), time.time()
    await asyncio.gather(*(client(numbers) for _ in range(clients)))
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
    target: Target, path: str, sockets: int, opened: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    """Open `sockets` to `path` and keep them until `opened` returns."""
    kept = await _open_all(target, path, sockets, lambda _: None)
    await opened()
    lost = sum(socket.closed.done() for socket in kept)
    for socket in kept:
        socket.close()
    return {"lost": lost}


async def crowd(target: Target, sockets: int) -> dict[str, Any]:
    """Submit one order, open `sockets` to it, and say when each got its last event (unix s)."""
    connection = await HttpConnection.open(target.host, target.port)
    answer = await submit(connection, 0)
    arrivals: list[float] = []
    everyone = asyncio.Event()

    def take(message: bytes) -> None:
        if b'"confirmed"' in message:  # parsed later, or the last socket would wait for the first one's JSON
            arrivals.append(time.time())
            if len(arrivals) == sockets:
                everyone.set()

    path = target.socket_path(answer["websocket"])
    kept = await _open_all(target, path, sockets, take)
    opened = time.time()
    with suppress(TimeoutError):  # the count says how many did not get it
        await asyncio.wait_for(everyone.wait(), LONGEST_S)
    for socket in kept:
        socket.close()
    connection.close()
    return {"ids": [answer["orderId"]], "opened": opened, "arrivals": sorted(arrivals)}


async def _statuses(target: Target, path: str) -> list[str]:
    statuses: list[str] = []
    ended = asyncio.Event()

    def take(message: bytes) -> None:
        status = json.loads(message).get("status")
        if status:
            statuses.append(status)
        if status in ENDED:
            ended.set()

    socket = await Socket.open(target.host, target.port, path, take)
    with suppress(TimeoutError):  # counted as one that missed its end
        await asyncio.wait_for(ended.wait(), LONGEST_S)
    socket.close()
    return statuses


async def _open_all(
    target: Target, path: str, sockets: int, on_message: Callable[[bytes], None]
) -> list[Socket]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> Socket:
        async with room:
            return await Socket.open(target.host, target.port, path, on_message)

    return await asyncio.gather(*(one() for _ in range(sockets)))
