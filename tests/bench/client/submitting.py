"""Submits: a burst by some clients at once, or so many a second whatever the engine does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from .http import HttpConnection, Response
from .orders import body

PATH = "/api/orders/execute"
BATCH_PATH = "/api/orders/batch"
OF_A_BATCH = 100
REFUSED = (429, 503)  # too fast for its account, or for the engine


@dataclass(frozen=True, slots=True)
class Target:
    """Where the engine is."""

    host: str
    port: int

    def socket_path(self, address: str) -> str:
        """The path of a socket's address, which may be a whole URL."""
        parts = urlsplit(address)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Refused(Exception):
    """The engine did not take an order."""


async def submit(connection: HttpConnection, number: int) -> dict[str, Any]:
    """Submit an order; the engine's answer. Raises Refused."""
    response = await connection.request("POST", PATH, body(number))
    return accepted(response)


def accepted(response: Response) -> dict[str, Any]:
    """The answer to a submit that was taken. Raises Refused."""
    if response.status not in (200, 201, 202):
        raise Refused(f"{response.status}: {response.body[:200].decode(errors='replace')}")
    answer: dict[str, Any] = json.loads(response.body)
    return answer


async def burst(target: Target, orders: int, clients: int, on_done: Callable[[int], None]) -> dict[str, Any]:
    """`orders` by `clients`, each of which submits its next when it has the answer to its last."""
    connections = [await HttpConnection.open(target.host, target.port) for _ in range(clients)]
    ids: list[str] = []

    async def client(connection: HttpConnection, numbers: Iterator[int]) -> None:
        for number in numbers:
            ids.append((await submit(connection, number))["orderId"])
            on_done(len(ids))

    numbers, began = iter(range(orders)), time.time()
    await asyncio.gather(*(client(connection, numbers) for connection in connections))
    ended = time.time()
    for connection in connections:
        connection.close()
    return {"ids": ids, "began": began, "submitted": ended}


async def steady(target: Target, orders: int, rate: float, on_done: Callable[[int], None]) -> dict[str, Any]:
    """`orders`, `rate` of them a second, each when its time has come."""
    free: list[HttpConnection] = []
    ids: list[str] = []
    sent: list[float] = []

    async def one(number: int) -> None:
        at = time.time()
        connection = free.pop() if free else await HttpConnection.open(target.host, target.port)
        ids.append((await submit(connection, number))["orderId"])
        sent.append(at)
        free.append(connection)
        on_done(len(ids))

    loop, began = asyncio.get_running_loop(), time.time()
    first, under_way = loop.time(), []
    for number in range(orders):
        await asyncio.sleep(max(0.0, first + number / rate - loop.time()))
        under_way.append(asyncio.create_task(one(number)))
    await asyncio.gather(*under_way)
    ended = time.time()
    for connection in free:
        connection.close()
    return {"ids": ids, "sent": sent, "began": began, "submitted": ended}


async def flood(target: Target, rate: float, begun: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    """Submit at a rate until `begun` returns, which is called when as many as may at once were taken."""
    taken, refused, free = 0, 0, list[HttpConnection]()

    async def one(number: int) -> None:
        nonlocal taken, refused
        connection = free.pop() if free else await HttpConnection.open(target.host, target.port)
        response = await connection.request("POST", PATH, body(number))
        free.append(connection)
        if response.status in REFUSED:
            refused += 1
        else:
            accepted(response)
            taken += 1

    loop = asyncio.get_running_loop()
    first, under_way, until = loop.time(), set[asyncio.Task[None]](), None
    for number in count():
        await asyncio.sleep(max(0.0, first + number / rate - loop.time()))
        under_way = {task for task in under_way if not task.done()} | {asyncio.create_task(one(number))}
        if refused and until is None:
            until = asyncio.ensure_future(begun())
        if until is not None and until.done():
            break
    await asyncio.gather(*under_way)
    return {"taken": taken, "refused": refused}


async def batches(
    target: Target, orders: list[dict[str, Any]], clients: int, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """These orders, many in a request, by `clients`; their ids in the same order."""
    ids: dict[int, list[str]] = {}

    async def client(starts: Iterator[int]) -> None:
        connection = await HttpConnection.open(target.host, target.port)
        for start in starts:
            body = json.dumps({"orders": orders[start : start + OF_A_BATCH]}).encode()
            ids[start] = _accepted_all(await connection.request("POST", BATCH_PATH, body))
            on_done(sum(map(len, ids.values())))
        connection.close()

    starts = iter(range(0, len(orders), OF_A_BATCH))
    await asyncio.gather(*(client(starts) for _ in range(clients)))
    return {"ids": [order_id for start in sorted(ids) for order_id in ids[start]]}


def _accepted_all(response: Response) -> list[str]:
    """The ids of a batch's orders. Raises Refused."""
    results = accepted(response)["results"]
    for result in results:
        if "orderId" not in result:
            raise Refused(str(result))
    return [str(result["orderId"]) for result in results]
