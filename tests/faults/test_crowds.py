"""Many sockets on one order, many orders on one socket, and a client that reads nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis
from chalicelib.adapters.redis.registry import ShardKeys
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.client import eventually
from tests.faults.submitter import Submitter
from tests.faults.subscriber import Subscriber
from tests.faults.world import GATEWAY, World

SOCKETS = 1000
ORDERS = 1000
SEEN_WITHIN_S = 90.0
RARELY_S = 20.0  # a thousand sockets that ping every second would be a load of their own
MORE_THAN_IS_QUEUED = 500  # orders, with four more events each
MEMORY_FOR_ONE_CLIENT_MB = 20.0


async def submit(world: World, name: str, number: int, token: str = "SOL") -> list[str]:
    """That many orders."""
    async with Submitter(world.engine) as submitter:
        answers = await asyncio.gather(
            *(submitter.submit(f"{name}-{index}", token, "1.5") for index in range(number))
        )
    return [str(answer["orderId"]) for answer in answers]


async def assert_seen(*subscribers: Subscriber) -> None:
    """That each sees its orders to the end, and nothing that was not promised."""
    async with asyncio.timeout(SEEN_WITHIN_S):
        await asyncio.gather(*(subscriber.run() for subscriber in subscribers))
    for subscriber in subscribers:
        assert not subscriber.wrong
        assert not subscriber.twice
        assert subscriber.sockets == 1


async def test_a_thousand_sockets_on_one_order_each_see_it_whole(world: World) -> None:
    [order_id] = await submit(world, "popular", 1, token="COPE")  # slow enough to be joined all along
    subscribers = [Subscriber(world.engine, order_id, ping_every_s=RARELY_S) for _ in range(SOCKETS)]
    await assert_seen(*subscribers)
    lives = {json.dumps(subscriber.seen[order_id]) for subscriber in subscribers}
    assert len(lives) == 1


async def test_a_thousand_orders_on_one_socket_are_each_seen_whole(quick_world: World) -> None:
    order_ids = await submit(quick_world, "many", ORDERS)
    subscriber = Subscriber(quick_world.engine, *order_ids, ping_every_s=RARELY_S)
    await assert_seen(subscriber)
    assert all(events[-1]["status"] == "confirmed" for events in subscriber.seen.values())


@asynccontextmanager
async def silent_client(world: World) -> AsyncIterator[ClientConnection]:
    """A socket with a small receive buffer that is not read until `recv` is called."""
    tight = socket.socket()
    tight.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    tight.connect(("127.0.0.1", int(world.engine.http_url.rpartition(":")[2])))
    tight.setblocking(False)
    async with connect(
        world.engine.socket_url(), sock=tight, proxy=None, ping_interval=None, max_queue=1, close_timeout=1
    ) as silent:
        yield silent


async def test_a_client_that_reads_nothing_is_cut_off_with_a_reason_and_others_are_not_affected(
    quick_world: World,
) -> None:
    world = quick_world
    before = world.memory_mb("gateway")
    with redis.Redis.from_url(world.endpoints.redis_url) as registry:
        async with silent_client(world) as silent:
            with world.paused("worker"):
                order_ids = await submit(world, "unread", MORE_THAN_IS_QUEUED)
                for order_id in order_ids:
                    await silent.send(json.dumps({"action": "subscribe", "orderId": order_id}))
                    assert json.loads(await silent.recv())["action"] == "subscribed"
                    assert json.loads(await silent.recv())["status"] == "pending"

            async def connected() -> int:
                return int(registry.hlen(ShardKeys(0, GATEWAY).connections))

            [other] = await submit(world, "other", 1)
            await assert_seen(Subscriber(world.engine, other))
            await eventually(connected, lambda count: count == 0)
            assert world.memory_mb("gateway") - before < MEMORY_FOR_ONE_CLIENT_MB
            seen = await read_until_closed(silent)
    assert (silent.close_code, silent.close_reason) == (1013, "messages were not read fast enough")
    for order_id, seqs in seen.items():
        assert seqs == [*range(2, len(seqs) + 2)], order_id


async def read_until_closed(silent: ClientConnection) -> dict[str, list[int]]:
    """The seqs that still come, by order."""
    seen: dict[str, list[int]] = {}
    try:
        while True:
            message = json.loads(await silent.recv())
            if "seq" in message:
                seen.setdefault(message["orderId"], []).append(message["seq"])
    except ConnectionClosed:
        return seen
