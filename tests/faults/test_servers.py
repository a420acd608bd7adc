"""Each server is unavailable for a while with orders in flight: the answers, and the recovery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import psycopg
import pytest

from tests.e2e import evidence
from tests.e2e.client import eventually
from tests.faults.plan import Fault, with_faults
from tests.faults.round import Progress, Round
from tests.faults.world import World

HEALTH_CHANGES_WITHIN_S = 10.0
BACK_WITHIN_S = 15.0
PATIENCE_S = 15.0


async def wait_for_health(
    http: httpx.AsyncClient, is_it: Callable[[httpx.Response], bool], within_s: float
) -> httpx.Response:
    """The first answer of /health that is as awaited."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await http.get("/health")
        if is_it(answer):
            return answer
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)


async def refused_submit(http: httpx.AsyncClient, key: str) -> None:
    """Submit an order; the answer must be 503 with Retry-After."""
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "clientOrderId": key}
    answer = await http.post("/api/orders/execute", json=order)
    assert (answer.status_code, answer.json()["code"]) == (503, "TEMPORARILY_UNAVAILABLE"), answer.text
    assert int(answer.headers["retry-after"]) > 0


def orders_of(world: World, keys: list[str]) -> int:
    """How many orders there are of these keys."""
    with psycopg.connect(world.engine.database_url) as connection:
        query = "SELECT count(*) FROM orders WHERE client_order_id = ANY(%s)"
        [(count,)] = connection.execute(query, [keys])
    return int(count)


def dead_letters_of_unknown_orders(world: World) -> list[str | None]:
    """The dead letters whose order does not exist."""
    dead_letters = evidence.dead_letters(world.engine)
    with psycopg.connect(world.engine.database_url) as connection:
        known = {order_id for (order_id,) in connection.execute("SELECT id::text FROM orders")}
    return [order_id for order_id in dead_letters if order_id not in known]


@asynccontextmanager
async def messages_hidden_for(world: World, *, seconds: int) -> AsyncIterator[None]:
    """The visibility time-out of the queue of orders while the block runs, which is 90 s otherwise."""
    engine = world.engine
    queue = evidence.sqs_of(engine)
    [(name, usual)] = queue.get_queue_attributes(
        QueueUrl=engine.queue_url, AttributeNames=["VisibilityTimeout"]
    )["Attributes"].items()
    queue.set_queue_attributes(QueueUrl=engine.queue_url, Attributes={name: str(seconds)})
    yield
    queue.set_queue_attributes(QueueUrl=engine.queue_url, Attributes={name: usual})


def client(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=world.engine.http_url, trust_env=False, timeout=PATIENCE_S)


async def test_while_postgres_is_away_submits_are_refused_and_afterwards_orders_in_flight_go_on(
    world: World,
) -> None:
    killed, keys = asyncio.Event(), [f"postgres-{number}" for number in range(5)]

    def look(progress: Progress) -> None:
        if progress.killed:
            killed.set()

    round_ = Round(world, with_faults(201, 50, Fault(1.0, "postgres", 8.0)), look)
    running = asyncio.create_task(round_.run())
    await killed.wait()
    async with client(world) as http:
        degraded = await wait_for_health(
            http, lambda answer: answer.status_code == 503, HEALTH_CHANGES_WITHIN_S
        )
        assert (degraded.json()["status"], degraded.json()["database"]) == ("degraded", "unavailable")
        await asyncio.gather(*(refused_submit(http, key) for key in keys))
        outcome = await running
        await wait_for_health(http, lambda answer: answer.status_code == 200, BACK_WITHIN_S)
    assert outcome.verdict.is_good, outcome.verdict
    assert outcome.twice == 0
    assert orders_of(world, keys) == 0


async def test_sockets_catch_up_without_a_gap_when_redis_comes_back_empty(world: World) -> None:
    outcome = await Round(world, with_faults(202, 50, Fault(0.7, "valkey", 1.0))).run()
    assert outcome.verdict.is_good, outcome.verdict
    assert outcome.twice == 0


async def test_sockets_catch_up_even_when_redis_and_the_relay_are_lost_together(world: World) -> None:
    faults = (Fault(0.7, "valkey", 1.0), Fault(0.75, "relay", 0))
    outcome = await Round(world, with_faults(203, 50, *faults)).run()
    assert outcome.verdict.is_good, outcome.verdict


async def test_while_sqs_is_away_submits_are_refused_and_leave_nothing(world: World) -> None:
    keys = [f"sqs-{number}" for number in range(5)]
    async with client(world) as http:
        await asyncio.to_thread(world.kill, "sqs")
        try:
            degraded = await wait_for_health(
                http, lambda answer: answer.status_code == 503, HEALTH_CHANGES_WITHIN_S
            )
            assert degraded.json()["queue"] == "unavailable"
            await asyncio.gather(*(refused_submit(http, key) for key in keys))
        finally:
            await asyncio.to_thread(world.revive, "sqs")
        await wait_for_health(http, lambda answer: answer.status_code == 200, BACK_WITHIN_S)
    assert orders_of(world, keys) == 0


async def test_while_sqs_answers_nothing_submits_are_refused_and_leave_nothing(world: World) -> None:
    keys = [f"slow-{number}" for number in range(5)]
    async with client(world) as http, messages_hidden_for(world, seconds=5):
        with world.stalled("sqs"):
            degraded = await wait_for_health(
                http, lambda answer: answer.status_code == 503, HEALTH_CHANGES_WITHIN_S
            )
            assert degraded.json()["queue"] == "unavailable"
            await asyncio.gather(*(refused_submit(http, key) for key in keys))
        await wait_for_health(http, lambda answer: answer.status_code == 200, BACK_WITHIN_S)
        assert orders_of(world, keys) == 0
        # It had taken the messages all the same, of orders that do not exist. One that it gave to a poll that
        # had timed out meanwhile comes again after its visibility time-out.
        await eventually(
            lambda: asyncio.to_thread(evidence.count_messages, world.engine),
            lambda count: not count,
            within_s=60,
        )
    assert await asyncio.to_thread(dead_letters_of_unknown_orders, world) == []


@pytest.mark.parametrize("server", ["postgres", "sqs"])
async def test_orders_in_flight_end_though_the_server_is_killed(world: World, server: str) -> None:
    outcome = await Round(world, with_faults(204, 50, Fault(0.7, server, 0.5))).run()
    assert outcome.verdict.is_good, outcome.verdict
