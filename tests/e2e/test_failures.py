"""Failed attempts: the events a client receives, what is retried, and what lands on the chain.

Which token has which fault stands in engine.py.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from itertools import pairwise

import pytest

from local import ROOT
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete, seconds, statuses

BACKOFF_MS = {1: 500, 2: 1000}
ATTEMPT_THAT_LANDS = ["routing", "building", "submitted", "confirmed"]
TOO_LARGE = "5000000000"


@pytest.fixture(scope="module")
def failed(engine: Engine) -> list[Wire]:
    """The life of an order that was tried three times in vain."""

    async def live() -> list[Wire]:
        async with Client(engine) as client:
            return await client.execute("FIDA", "USDC")

    return asyncio.run(live())


def retries(events: list[Wire]) -> list[Wire]:
    """The events of failed attempts after which there is another."""
    return [event for event in events if "retryInMs" in event]


def assert_waited(events: list[Wire]) -> None:
    """That each retry was announced with a doubling, jittered delay, and came no sooner."""
    for event, after in pairwise(events):
        if "retryInMs" in event:
            base = BACKOFF_MS[event["attempt"] - 1]
            assert base <= event["retryInMs"] <= base * 1.25
            assert after["status"] == "routing"
            assert seconds(event, after) * 1000 >= event["retryInMs"] - 1  # instants are cut to 1 ms


async def test_venues_that_time_out_twice_and_then_answer_lead_to_a_confirmed_third_attempt(
    client: Client,
) -> None:
    events = await client.execute("COPE", "USDC")
    assert_complete(events)
    assert statuses(events) == ["pending", "routing"] * 3 + ATTEMPT_THAT_LANDS[1:]
    assert [event["attempt"] for event in events] == [1, 1, 2, 2, 3, 3, 3, 3, 3]
    assert {event["code"] for event in retries(events)} == {"QUOTE_TIMEOUT"}
    assert_waited(events)


async def test_venues_that_never_answer_fail_the_order_once_after_its_third_attempt(
    client: Client, failed: list[Wire]
) -> None:
    assert_complete(failed)
    assert statuses(failed) == ["pending", "routing"] * 3 + ["failed"]
    assert (failed[-1]["code"], failed[-1]["attempts"]) == ("QUOTE_TIMEOUT", 3)
    assert failed[-1]["error"]
    assert_waited(failed)
    order = await client.order(failed[0]["orderId"])
    assert order["events"] == failed
    assert (order["status"], order["attempt"], order["code"]) == ("failed", 3, "QUOTE_TIMEOUT")
    assert order["error"] == failed[-1]["error"]
    assert "txHash" not in order


def _is_dead(order_id: str, dead: list[str | None]) -> bool:
    return order_id in dead


async def test_the_message_of_a_failed_order_becomes_a_dead_letter_once(
    client: Client, engine: Engine, failed: list[Wire]
) -> None:
    hopeless = await client.execute("SOL", "USDC", TOO_LARGE)

    async def dead_letters() -> list[str | None]:
        return await asyncio.to_thread(evidence.dead_letters, engine)

    for events in (failed, hopeless):
        order_id = events[0]["orderId"]
        found = await eventually(dead_letters, partial(_is_dead, order_id))
        assert found.count(order_id) == 1
        assert (await client.order(order_id))["events"] == events, "said once, however often received"


async def test_dlq_list_shows_a_dead_letter_with_its_reason(gateway: Engine, failed: list[Wire]) -> None:
    async def row() -> Wire | None:
        listing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local", "dlq", "list", "--json"),
            *("--state", str(gateway.state)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await listing.communicate()
        assert listing.returncode == 0
        rows = [found for found in json.loads(output) if found["orderId"] == failed[0]["orderId"]]
        return rows[0] if rows else None

    found = await eventually(row)
    assert found is not None
    assert (found["status"], found["code"], found["attempts"]) == ("failed", "QUOTE_TIMEOUT", 3)
    assert found["error"] == failed[-1]["error"]


async def test_a_swap_that_slipped_is_tried_again_with_a_new_transaction(client: Client) -> None:
    events = await client.execute("RAY", "USDC")
    assert_complete(events)
    assert statuses(events) == ["pending", *ATTEMPT_THAT_LANDS[:-1], "pending", *ATTEMPT_THAT_LANDS]
    assert [event["code"] for event in retries(events)] == ["SLIPPAGE_EXCEEDED"]
    first, second = (event["txHash"] for event in events if event["status"] == "submitted")
    assert first != second
    assert events[-1]["txHash"] == second
    assert_waited(events)


async def test_a_transaction_that_was_dropped_is_sent_again_and_lands_once(
    client: Client, engine: Engine
) -> None:
    await assert_lands_in_the_first_attempt(client, engine, "JUP")


async def test_a_transaction_whose_reply_was_lost_lands_once(client: Client, engine: Engine) -> None:
    await assert_lands_in_the_first_attempt(client, engine, "JTO")


async def assert_lands_in_the_first_attempt(client: Client, engine: Engine, token: str) -> None:
    """That neither the client nor the chain noticed the fault of `token`."""
    events = await client.execute(token, "USDC")
    assert_complete(events)
    assert statuses(events) == ["pending", *ATTEMPT_THAT_LANDS]
    swaps = {order_id: landed for order_id, _, landed, _ in evidence.landed_swaps(engine)}
    assert swaps[events[0]["orderId"]] == 1


@pytest.mark.parametrize(
    ("token_in", "token_out", "amount"),
    [
        ("SOL", "USDC", TOO_LARGE),  # a hundred thousand times what the pools hold
        ("SOL", "USDC", "200000"),  # a few times what they hold
        ("USDC", "SOL", "0.000001"),  # one base unit, of which the fee leaves nothing
        ("BONK", "USDC", "0.00001"),  # worth less than one base unit of USDC
    ],
)
async def test_an_order_that_no_retry_can_mend_fails_at_once(
    client: Client, token_in: str, token_out: str, amount: str
) -> None:
    events = await client.execute(token_in, token_out, amount)
    assert_complete(events)
    assert statuses(events) == ["pending", "routing", "failed"]
    assert events[-1]["code"] in ("PRICE_IMPACT_TOO_HIGH", "INSUFFICIENT_LIQUIDITY")
    assert events[-1]["attempts"] == 1
