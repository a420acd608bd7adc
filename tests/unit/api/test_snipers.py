"""Snipers on the wire: what a body may say, what an order shows, and launched tokens in other orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chalicelib.api.wire.codes import status_of

from tests.fakes import MemoryEngine
from tests.rest import call, submit
from tests.samples import launch_of, new_mint

LISTED = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


@pytest.fixture
def mint() -> str:
    return new_mint()


def post(mint: str, **fields: Any) -> Any:
    body = {"tokenIn": "SOL", "tokenOut": mint, "amount": 1, "type": "sniper", "maxPrice": "0.001"} | fields
    given = {name: value for name, value in body.items() if value is not None}
    return submit(json.dumps(given).encode())


def show(order_id: str) -> Any:
    return call("GET", "/api/orders/{order_id}", order_id=order_id).body


def launch(engine: MemoryEngine, mint: str, *, opens_in_s: float = 0, **changes: Any) -> None:
    opens_at = engine.store.now + timedelta(seconds=opens_in_s)
    asyncio.run(engine.store.add_launches([launch_of(mint, opens_at, **changes)]))


def test_a_sniper_shows_its_price_and_its_floor_once_its_token_has_decimals(
    engine: MemoryEngine, mint: str
) -> None:
    answer = post(mint, minLiquidity="50.5", maxPriceImpactBps=500)
    assert (answer.status, answer.body["status"]) == (202, "open")
    order = show(answer.body["orderId"])
    for shown in (order, order["events"][0]):
        assert (shown["type"], shown["tokenOut"]) == ("sniper", mint)
        assert (shown["maxPrice"], shown["minLiquidity"], shown["maxPriceImpactBps"]) == (
            "0.001",
            "50.5",
            500,
        )
        assert "minimumOut" not in shown
    launch(engine, mint)
    call("GET", "/api/tokens")
    assert show(answer.body["orderId"])["minimumOut"] == "1000"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"tokenOut": "USDC"}, "INVALID_MINT", "tokenOut"),
        ({"tokenOut": LISTED}, "TOKEN_LISTED", "tokenOut"),
        ({"tokenOut": "WIF"}, "INVALID_MINT", "tokenOut"),
        ({"tokenOut": LISTED[:-1]}, "UNKNOWN_TOKEN", "tokenOut"),
        ({"tokenOut": 7}, "INVALID_TYPE", "tokenOut"),
        ({"tokenOut": None}, "MISSING_FIELD", "tokenOut"),
        ({"maxPrice": None}, "MISSING_FIELD", "maxPrice"),
        ({"maxPrice": 0}, "INVALID_PRICE", "maxPrice"),
        ({"maxPrice": "-1"}, "INVALID_PRICE", "maxPrice"),
        ({"maxPrice": "1" * 39}, "INVALID_PRICE", "maxPrice"),
        ({"limitPrice": "1"}, "INVALID_PRICE", "limitPrice"),
        ({"minLiquidity": 0}, "INVALID_AMOUNT", "minLiquidity"),
        ({"minLiquidity": "0.0000000001"}, "AMOUNT_TOO_SMALL", "minLiquidity"),
        ({"minLiquidity": "1e30"}, "AMOUNT_TOO_LARGE", "minLiquidity"),
        ({"minimumOut": "1"}, "UNKNOWN_FIELD", "minimumOut"),
        ({"type": "limit", "maxPrice": None, "limitPrice": "1"}, "UNKNOWN_TOKEN", "tokenOut"),
        (
            {"type": "limit", "tokenOut": "USDC", "maxPrice": None, "limitPrice": "1", "minLiquidity": "1"},
            "UNKNOWN_FIELD",
            "minLiquidity",
        ),
        ({"type": None, "tokenOut": "USDC"}, "INVALID_PRICE", "maxPrice"),
    ],
)
def test_a_wrong_body_is_refused_with_its_field_and_leaves_nothing(
    engine: MemoryEngine, mint: str, fields: dict[str, Any], code: str, field: str
) -> None:
    answer = post(mint, **fields)
    assert (answer.status, answer.body["code"], answer.body["field"]) == (status_of(code), code, field)
    assert engine.store.rows == {}


def test_a_launched_token_is_traded_by_its_mint_once_its_pool_is_open(
    engine: MemoryEngine, mint: str
) -> None:
    launch(engine, mint, opens_in_s=60)
    market = {"type": None, "maxPrice": None}
    assert post(mint, **market).body["code"] == "UNKNOWN_TOKEN"
    assert post(mint).status == 202
    asyncio.run(engine.store.pass_time(61))
    assert post(mint, **market).status == 202
    assert post(mint, **market, tokenIn=mint, tokenOut="SOL", amount="1.000001").status == 202
    assert (
        post(mint, **market, tokenIn=mint, tokenOut="SOL", amount="1e-7").body["code"] == "AMOUNT_TOO_SMALL"
    )
    assert post(mint, **market, tokenIn=mint).body["code"] == "SAME_TOKEN"
    refused = post(mint)
    assert (refused.status, refused.body["code"], refused.body["field"]) == (409, "TOKEN_LISTED", "tokenOut")


def test_a_launched_token_is_never_named_by_its_symbol(engine: MemoryEngine, mint: str) -> None:
    launch(engine, mint, symbol="USDC")
    call("GET", "/api/tokens")
    order = post("USDC", type=None, maxPrice=None)
    assert show(order.body["orderId"])["tokenOut"] == "USDC"
    assert mint not in json.dumps(show(order.body["orderId"]))


def test_tokens_are_listed_once_a_pool_of_theirs_is_open(engine: MemoryEngine, mint: str) -> None:
    later = new_mint()
    launch(engine, mint)
    launch(engine, mint, pool="another of the same token")
    launch(engine, later, opens_in_s=60)
    tokens = call("GET", "/api/tokens").body["tokens"]
    [found] = [token for token in tokens if token["mint"] == mint]
    assert (found["symbol"], found["decimals"], found["tradable"]) == ("WIF", 6, True)
    assert found["openedAt"] == "2026-01-01T00:00:00.000Z"
    assert later not in [token["mint"] for token in tokens]
    assert "openedAt" not in tokens[0]


def test_the_tokens_that_are_always_there_are_listed_without_a_database(engine: MemoryEngine) -> None:
    engine.store.unavailable = True
    answer = call("GET", "/api/tokens")
    assert answer.status == 200
    assert answer.body["tokens"][0]["symbol"] == "SOL"


def test_the_snipers_of_a_token_are_cancelled_by_its_mint(engine: MemoryEngine, mint: str) -> None:
    wanted, other = post(mint).body["orderId"], post(new_mint()).body["orderId"]
    answer = call("DELETE", "/api/orders", query={"tokenOut": [mint], "type": ["sniper"]})
    assert answer.body == {"cancelled": [wanted]}
    assert show(other)["status"] == "open"
