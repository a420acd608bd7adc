"""Submits: a burst by some clients at once, or so many a second whatever the engine does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

from local.client import AsyncEngineClient, Refused

from .orders import terms

OF_A_BATCH = 100
REFUSED = (429, 503)  # too fast for its account, or for the engine


class OrderRefused(Exception):
    """The engine did not take an order of a batch."""


async def submit(client: AsyncEngineClient, number: int) -> dict[str, Any]:
    """Submit an order; the engine's answer. Raises ClientError."""
    return dict(await client.submit(terms(number)))


async def burst(
    client: AsyncEngineClient, orders: int, clients: int, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """`orders` by `clients`, each of which submits its next when it has the answer to its last."""
    ids: list[str] = []

    async def one(numbers: Iterator[int]) -> None:
        for number in numbers:
            ids.append((await submit(client, number))["orderId"])
            on_done(len(ids))

    numbers, began = iter(range(orders)), time.time()
    await asyncio.gather(*(one(numbers) for _ in range(clients)))
    return {"ids": ids, "began": began, "submitted": time.time()}


async def steady(
    client: AsyncEngineClient, orders: int, rate: float, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """`orders`, `rate` of them a second, each when its time has come."""
    ids: list[str] = []
    sent: list[float] = []

    async def one(number: int) -> None:
        at = time.time()
        ids.append((await submit(client, number))["orderId"])
        sent.append(at)
        on_done(len(ids))

    loop, began = asyncio.get_running_loop(), time.time()
    first, under_way = loop.time(), []
    for number in range(orders):
        await asyncio.sleep(max(0.0, first + number / rate - loop.time()))
        under_way.append(asyncio.create_task(one(number)))
    await asyncio.gather(*under_way)
    return {"ids": ids, "sent": sent, "began": began, "submitted": time.time()}


async def flood(
    client: AsyncEngineClient, rate: float, begun: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    """Submit at a rate until `begun` returns, which is called when as many as may at once were taken."""
    taken = refused = 0

    async def one(number: int) -> None:
        nonlocal taken, refused
        try:
            await submit(client, number)
        except Refused as refusal:
            if refusal.status not in REFUSED:
                raise
            refused += 1
        else:
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
    client: AsyncEngineClient, orders: list[dict[str, Any]], clients: int, on_done: Callable[[int], None]
) -> dict[str, Any]:
    """These orders, many in a request, by `clients`; their ids in the same order."""
    ids: dict[int, list[str]] = {}

    async def one(starts: Iterator[int]) -> None:
        for start in starts:
            ids[start] = _accepted(await client.batch(orders[start : start + OF_A_BATCH]))
            on_done(sum(map(len, ids.values())))

    starts = iter(range(0, len(orders), OF_A_BATCH))
    await asyncio.gather(*(one(starts) for _ in range(clients)))
    return {"ids": [order_id for start in sorted(ids) for order_id in ids[start]]}


def _accepted(results: list[Any]) -> list[str]:
    """The ids of a batch's orders. Raises OrderRefused."""
    for result in results:
        if "orderId" not in result:
            raise OrderRefused(str(result))
    return [str(result["orderId"]) for result in results]
