"""Failed orders, their dead letters and redrives in a whole engine."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from functools import partial

import pytest
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import Terms
from chalicelib.ports.queue import DeadLetter
from chalicelib.ports.store import Claim, NewOrder
from chalicelib.runtime import Runtime

from local.endpoints import find_running
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete, statuses
from tests.integration.adapters.aws.dead_letter_queue import SETTINGS as SETTINGS  # the engine's
from tests.integration.adapters.aws.dead_letter_queue import bodies_of, put_on_sqs
from tests.samples import SOL, USDC, step

TERMS = Terms(SOL, USDC, 10**7, 100)
UNKNOWN = str(uuid.UUID(int=7))
WITHOUT_ORDER = (
    "",
    "not JSON",
    "[]",
    "{}",
    '{"orderId": 1}',
    '{"orderId": "x"}',
    json.dumps({"orderId": UNKNOWN}),
)


@pytest.fixture
async def operator(engine: Engine) -> AsyncIterator[Runtime]:
    """The engine's own parts, beside it, as `dlq` has them."""
    assert engine.state is not None
    endpoints = find_running(engine.state)
    assert endpoints is not None
    os.environ |= endpoints.credentials()
    runtime = Runtime(endpoints.configure(Config()), asyncio.get_running_loop())
    yield runtime
    await runtime.redrive.delete(
        LOCAL, {dead_letter.message_id for dead_letter in await runtime.redrive.read(LOCAL)}
    )
    await runtime.close()


async def fail(client: Client, operator: Runtime, token: str, count: int = 1) -> list[str]:
    """New orders that have failed, with their messages in the dead-letter queue."""
    submitted = await asyncio.gather(*(client.submit(token, "USDC") for _ in range(count)))
    orders = {answer["orderId"] for answer in submitted}
    await eventually(lambda: _dead(operator), lambda dead: orders <= dead)
    return sorted(orders)


async def _dead(operator: Runtime) -> set[str | None]:
    return {dead_letter.order_id for dead_letter in await operator.redrive.read(LOCAL)}


async def test_a_redriven_order_is_executed_in_a_new_set_of_attempts(
    client: Client, operator: Runtime
) -> None:
    [order_id] = await fail(client, operator, "COPE")
    before = await client.order(order_id)
    assert (before["status"], before["attempt"], before["code"]) == ("failed", 3, "QUOTE_TIMEOUT")

    tally = await operator.redrive.run(LOCAL)
    assert (tally.redriven, tally.is_clean) == ([order_id], True)
    after = await eventually(lambda: client.order(order_id), lambda order: order["status"] == "confirmed")
    assert after["attempt"] == 1
    assert "code" not in after
    events = after["events"]
    assert events[: len(before["events"])] == before["events"]
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    again = events[len(before["events"]) :]
    assert statuses(again) == ["pending", "routing", "building", "submitted", "confirmed"]
    assert {event["attempt"] for event in again} == {1}
    assert again[0]["redriven"] == 1
    assert await operator.redrive.read(LOCAL) == []


async def test_a_redriven_order_lands_exactly_one_swap(
    client: Client, operator: Runtime, engine: Engine
) -> None:
    orders = await fail(client, operator, "COPE", count=5)
    tallies = await asyncio.gather(*(operator.redrive.run(LOCAL) for _ in range(3)))
    assert sorted(order for tally in tallies for order in tally.redriven) == orders
    for order_id in orders:
        await eventually(partial(client.order, order_id), lambda order: order["status"] == "confirmed")
    swaps = {row[0]: row[1:] for row in evidence.landed_swaps(engine)}
    assert [swaps[order_id] for order_id in orders] == [("confirmed", 1, 1)] * 5


async def test_subscribers_receive_the_failure_and_then_the_new_set_of_attempts(
    client: Client, operator: Runtime
) -> None:
    [order_id] = await fail(client, operator, "COPE")
    failed = (await client.order(order_id))["events"]
    await operator.redrive.run(LOCAL)
    whole = await eventually(lambda: client.order(order_id), lambda order: order["status"] == "confirmed")

    async def received(after: int) -> list[Wire]:
        async with client.socket(orderId=order_id, after=after) as socket:
            return await socket.until(lambda event: event["status"] == "confirmed")

    assert await received(0) == whole["events"]
    assert await received(len(failed)) == whole["events"][len(failed) :]


async def test_a_client_that_subscribes_again_on_its_connection_receives_the_new_set_of_attempts(
    client: Client, operator: Runtime
) -> None:
    answer = await client.submit("COPE", "USDC")
    async with client.socket(answer["websocket"]) as socket:
        failed = await socket.life(answer["orderId"])
        assert failed[-1]["status"] == "failed"
        await eventually(lambda: _dead(operator), lambda dead: answer["orderId"] in dead)
        await operator.redrive.run(LOCAL)
        after = failed[-1]["seq"]
        answer_to_subscribe = await socket.ask(action="subscribe", orderId=answer["orderId"], after=after)
        assert answer_to_subscribe["action"] == "subscribed"
        again = await socket.until(lambda event: event["status"] == "confirmed")
    assert [event["seq"] for event in again] == [*range(after + 1, after + 6)]


def _has_failed_again(times: int, order: Wire) -> bool:
    return order["status"] == "failed" and sum("redriven" in event for event in order["events"]) == times


async def test_an_order_that_fails_again_is_a_dead_letter_again_and_counts_its_redrives(
    client: Client, operator: Runtime
) -> None:
    [order_id] = await fail(client, operator, "FIDA")
    for times in (1, 2):
        await operator.redrive.run(LOCAL, {order_id})
        order = await eventually(lambda: client.order(order_id), partial(_has_failed_again, times))
        assert order["events"][-1]["attempts"] == 3
        await eventually(lambda: _dead(operator), lambda dead: order_id in dead)


async def test_dead_letters_of_a_confirmed_order_are_dropped(
    client: Client, operator: Runtime, engine: Engine
) -> None:
    events = await client.execute("SOL", "USDC")
    order_id = events[0]["orderId"]
    body = json.dumps({"orderId": order_id})
    put_on_sqs(evidence.sqs_of(engine), engine.dead_letter_url, [body] * 3)
    tally = await operator.redrive.run(LOCAL)
    assert (tally.redriven, tally.dropped) == ([], {order_id: "confirmed"})
    assert await operator.redrive.read(LOCAL) == []
    assert (await client.order(order_id))["events"] == events


async def test_hundreds_of_dead_letters_are_redriven_page_by_page(operator: Runtime, engine: Engine) -> None:
    orders = sorted(str(uuid.uuid4()) for _ in range(400))
    await asyncio.gather(*(fail_by_hand(operator, order_id) for order_id in orders))
    messages = [json.dumps({"orderId": order_id}) for order_id in orders]
    put_on_sqs(evidence.sqs_of(engine), engine.dead_letter_url, messages)
    counts: list[int] = []
    tally = await operator.redrive.run(LOCAL, on_page=lambda tally: counts.append(tally.read))
    assert sorted(tally.redriven) == orders
    assert counts == sorted(counts)
    assert (len(counts) >= 10, counts[-1]) == (True, 400)

    async def confirmed() -> int:
        found = await asyncio.gather(*map(operator.store.order, orders))
        return sum(order is not None and order.status == "confirmed" for order in found)

    await eventually(confirmed, lambda count: count == 400, every_s=0.5)
    assert await operator.redrive.read(LOCAL) == []


async def fail_by_hand(operator: Runtime, order_id: str) -> None:
    """Create and fail an order as a submit and a worker do, without a queue between them."""
    await operator.store.create(NewOrder(order_id, TERMS))
    claim = await operator.store.claim(order_id)
    assert isinstance(claim, Claim)
    await operator.store.record(step(claim, Status.FAILED))


async def test_messages_without_an_order_become_dead_letters_and_delay_no_order(
    client: Client, operator: Runtime, engine: Engine
) -> None:
    bodies = [f"{body} " * (number + 1) for number in range(3) for body in WITHOUT_ORDER][:20]
    bodies = [body if body.strip() else "?" for body in bodies]  # SQS takes no empty body
    put_on_sqs(evidence.sqs_of(engine), engine.queue_url, bodies)
    submitted = await asyncio.gather(*(client.submit("SOL", "USDC") for _ in range(100)))
    for events in await asyncio.gather(*map(client.follow, submitted)):
        assert_complete(events)
        assert events[-1]["status"] == "confirmed"

    async def dead() -> list[DeadLetter]:
        return await operator.redrive.read(LOCAL)

    dead_letters = await eventually(dead, lambda found: len(found) == len(bodies))
    assert bodies_of(dead_letters) == sorted(bodies)
    tally = await operator.redrive.run(LOCAL)
    assert (len(tally.poison), tally.redriven, tally.is_clean) == (20, [], False)
    assert bodies_of(await operator.redrive.read(LOCAL)) == sorted(bodies)


async def test_health_has_the_count_and_the_age_of_the_dead_letters(
    client: Client, operator: Runtime, engine: Engine
) -> None:
    assert (await client.get("/health"))["deadLetters"] == {"count": 0, "oldestSeconds": None}
    put_on_sqs(evidence.sqs_of(engine), engine.dead_letter_url, ["not JSON"] * 12)
    answer = await client.get("/health")
    assert (answer["status"], answer["deadLetters"]["count"]) == ("ok", 12)
    assert 0 <= answer["deadLetters"]["oldestSeconds"] < 10
    assert len(await operator.redrive.read(LOCAL)) == 12
