"""Limit and stop orders, batches and the list of tokens, through whatever stands before the functions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.client import Client
from tests.e2e.life import assert_complete, statuses

FIRED = ["open", "pending", "routing", "building", "submitted", "confirmed"]
FAR = {"type": "limit", "limitPrice": "1000000"}  # a price that never comes
RESTING = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, **FAR}


@pytest.mark.parametrize(
    "terms", [{"type": "limit", "limitPrice": "0.01"}, {"type": "stop", "stopPrice": "1000000"}]
)
async def test_a_resting_order_whose_price_is_there_fires_and_is_filled(
    client: Client, terms: dict[str, str]
) -> None:
    events = await client.execute("SOL", "USDC", "1.5", **terms)
    assert_complete(events)
    assert statuses(events) == FIRED
    if limit := terms.get("limitPrice"):
        assert Decimal(events[-1]["executedPrice"]) >= Decimal(limit)


async def test_a_resting_order_is_cancelled_once_however_often_that_is_asked_for(client: Client) -> None:
    order = await client.submit("SOL", "USDC", 1, **FAR)
    assert order["status"] == "open"
    for _ in range(2):
        answer = await client.ask("DELETE", f"/api/orders/{order['orderId']}")
        assert (answer.status, answer.json()["status"]) == (200, "cancelled")
    assert statuses(await client.follow(order)) == ["open", "cancelled"]


async def test_an_order_that_is_filled_is_not_cancelled(client: Client) -> None:
    [first, *_] = await client.execute("SOL", "USDC", 1)
    answer = await client.ask("DELETE", f"/api/orders/{first['orderId']}")
    assert answer.status == 409
    assert (answer.json()["code"], answer.json()["status"]) == ("NOT_CANCELLABLE", "confirmed")


async def test_a_batch_is_submitted_and_all_that_rests_of_a_pair_is_cancelled(client: Client) -> None:
    pair = {"tokenIn": "SOL", "tokenOut": "BONK"}
    batch = {"orders": [RESTING | pair, RESTING | pair]}
    response = await client.ask("POST", "/api/orders/batch", batch)
    ids = [result["orderId"] for result in response.json()["results"]]
    assert (response.status, len(set(ids))) == (200, 2)
    assert (await client.ask("DELETE", "/api/orders", **pair)).status == 200
    assert {(await client.order(order_id))["status"] for order_id in ids} == {"cancelled"}


async def test_the_tokens_that_can_be_traded_are_listed(client: Client) -> None:
    tokens = await client.get("/api/tokens")
    assert {"SOL", "USDC"} <= {token["symbol"] for token in tokens["tokens"]}
