"""Cancelling orders in a whole engine, and what a batch, the list and the tokens answer."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.life import Wire, statuses

SETTINGS = {"SIM_LATENCY": "0", "SIM_SLOT_MS": "20"}
FAR = {"type": "limit", "limitPrice": "100000"}


async def test_a_cancel_and_a_worker_have_one_winner(client: Client) -> None:
    async def race() -> tuple[int, Wire]:
        order = await client.submit("SOL", "USDC", "1.5")
        answer = await client.ask("DELETE", f"/api/orders/{order['orderId']}")
        shown = await eventually(
            lambda: client.order(order["orderId"]),
            lambda order: order["status"] in ("confirmed", "cancelled"),
        )
        return answer.status, shown

    for status, order in await asyncio.gather(*(race() for _ in range(60))):
        assert (status, order["status"]) in ((200, "cancelled"), (409, "confirmed"))
        swaps = evidence.landed_swaps_of(client.engine, order["orderId"])
        assert swaps == int(order["status"] == "confirmed")
        assert ("routing" in statuses(order["events"])) == (order["status"] == "confirmed")


async def test_a_cancel_that_comes_too_late_says_where_the_order_is(client: Client) -> None:
    [*_, last] = await client.execute("SOL", "USDC", "1.5")
    answer = await client.ask("DELETE", f"/api/orders/{last['orderId']}")
    assert answer.status == 409
    assert answer.json()["code"] == "NOT_CANCELLABLE"
    assert answer.json()["status"] == "confirmed"


async def test_a_second_cancel_is_answered_as_the_first(client: Client) -> None:
    order = await client.submit("SOL", "USDC", "1.5", **FAR)
    answers = [await client.ask("DELETE", f"/api/orders/{order['orderId']}") for _ in range(2)]
    assert [(answer.status, answer.json()["status"]) for answer in answers] == [(200, "cancelled")] * 2


async def test_an_order_that_there_is_not_is_not_found(client: Client) -> None:
    answer = await client.ask("DELETE", f"/api/orders/{uuid.uuid4()}")
    assert (answer.status, answer.json()["code"]) == (404, "ORDER_NOT_FOUND")


async def test_resting_orders_are_cancelled_by_pair_and_type(client: Client) -> None:
    sol = [await client.submit("SOL", "USDC", "1", **FAR) for _ in range(3)]
    ray = await client.submit("RAY", "USDC", "1", **FAR)
    answer = await client.ask("DELETE", "/api/orders", tokenIn="SOL", type="limit")
    assert sorted(answer.json()["cancelled"]) == sorted(order["orderId"] for order in sol)
    assert (await client.order(ray["orderId"]))["status"] == "open"
    assert (await client.ask("DELETE", "/api/orders")).json() == {"cancelled": [ray["orderId"]]}


async def test_a_batch_answers_each_order_in_its_place_and_stores_the_good_ones(client: Client) -> None:
    orders = [
        {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"},
        {"tokenIn": "SOL", "tokenOut": "SOL", "amount": "1.5"},
        {"tokenIn": "RAY", "tokenOut": "USDC", "amount": "2", **FAR, "clientOrderId": str(uuid.uuid4())},
    ]
    answer = await client.ask("POST", "/api/orders/batch", {"orders": orders})
    assert answer.status == 200, answer.body
    first, second, third = answer.json()["results"]
    assert (first["status"], second["code"], third["status"]) == ("pending", "SAME_TOKEN", "open")
    assert first["replayed"] is third["replayed"] is False
    [again] = (await client.ask("POST", "/api/orders/batch", {"orders": orders[2:]})).json()["results"]
    assert (again["orderId"], again["replayed"]) == (third["orderId"], True)


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_of_none_or_too_many_is_refused_and_stores_nothing(client: Client, count: int) -> None:
    key = str(uuid.uuid4())
    orders = [
        {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "clientOrderId": f"{key}{n}"}
        for n in range(count)
    ]
    answer = await client.ask("POST", "/api/orders/batch", {"orders": orders})
    assert (answer.status, answer.json()["code"]) == (400, "INVALID_BATCH")
    assert (await client.get("/api/orders", clientOrderId=f"{key}0"))["orders"] == []


async def test_a_batch_with_a_key_twice_is_refused_and_stores_nothing(client: Client) -> None:
    key = str(uuid.uuid4())
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "clientOrderId": key}
    answer = await client.ask("POST", "/api/orders/batch", {"orders": [order, order]})
    assert (answer.status, answer.json()["code"]) == (400, "INVALID_BATCH")
    assert (await client.get("/api/orders", clientOrderId=key))["orders"] == []


async def test_orders_are_listed_by_several_statuses(client: Client) -> None:
    order = await client.submit("SOL", "USDC", "1", **FAR)
    await client.execute("SOL", "USDC", "1")
    listed = (await client.get("/api/orders", status="open,confirmed"))["orders"]
    assert {one["status"] for one in listed} == {"open", "confirmed"}
    assert order["orderId"] in [one["orderId"] for one in listed]
    assert (await client.ask("GET", "/api/orders", status="open,nonsense")).status == 400


async def test_the_tokens_are_listed_with_their_mints_and_decimals(client: Client) -> None:
    tokens = {token["symbol"]: token for token in (await client.get("/api/tokens"))["tokens"]}
    assert tokens["SOL"] == {
        "symbol": "SOL",
        "mint": "So11111111111111111111111111111111111111112",
        "decimals": 9,
        "tradable": True,
    }
