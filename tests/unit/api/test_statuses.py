"""400 is for what the OpenAPI document forbids, 404 and 409 for what it allows and cannot be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local import FUNCTIONS
from tests.fakes import MemoryEngine
from tests.rest import submit

DOCUMENT: dict[str, Any] = json.loads((FUNCTIONS / "chalicelib" / "openapi.json").read_text())
ORDER = Draft202012Validator({"$ref": "#/components/schemas/NewOrder", "components": DOCUMENT["components"]})
SOLD = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
LIMIT = SOLD | {"type": "limit", "limitPrice": "1000000"}
STOP = SOLD | {"type": "stop", "stopPrice": "1"}
NEW = "7Y9FVeTUdqG4sn4YvzCnbtPBBcEwkmq8HaoHG8bJLUg9"  # not launched
SNIPER = SOLD | {"type": "sniper", "tokenOut": NEW, "maxPrice": "0.1"}
LISTED = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (SOLD | {"tokenOut": "SOL"}, "SAME_TOKEN"),
        (SOLD | {"amount": 5e-324}, "AMOUNT_TOO_SMALL"),
        (SOLD | {"amount": 0.1 + 0.2}, "AMOUNT_TOO_PRECISE"),
        (SOLD | {"amount": 1.7976931348623157e308}, "AMOUNT_TOO_LARGE"),
        (SOLD | {"minimumOut": "1" * 100}, "AMOUNT_TOO_LARGE"),
        (LIMIT | {"limitPrice": "1" * 38}, "AMOUNT_TOO_LARGE"),  # of the price times the amount
        (SOLD | {"expiresAt": "2000-01-01T00:00:00Z"}, "EXPIRY_OUT_OF_RANGE"),
        (SOLD | {"expiresAt": "9999-01-01T00:00:00Z"}, "EXPIRY_OUT_OF_RANGE"),
        (SNIPER | {"tokenOut": LISTED}, "TOKEN_LISTED"),
        (SNIPER | {"minLiquidity": "0.0000000001"}, "AMOUNT_TOO_SMALL"),
        (SNIPER | {"minLiquidity": 1e30}, "AMOUNT_TOO_LARGE"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_an_order_that_the_document_allows_and_that_cannot_be_done_is_409(
    engine: MemoryEngine, body: dict[str, Any], code: str
) -> None:
    ORDER.validate(body)
    answer = submit(json.dumps(body).encode())
    assert (answer.status, answer.body["code"]) == (409, code)
    assert engine.store.rows == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (SOLD | {"dexes": ["orca"]}, "UNKNOWN_DEX"),
        (SOLD | {"dexes": []}, "UNKNOWN_DEX"),
        (SOLD | {"dexes": ["raydium"], "excludeDexes": ["raydium"]}, "UNKNOWN_DEX"),
        (SOLD | {"tokenOut": NEW}, "UNKNOWN_TOKEN"),
        (SOLD | {"tokenIn": "1" * 33}, "UNKNOWN_TOKEN"),  # 33 bytes
        (SNIPER | {"tokenOut": "1" * 33}, "UNKNOWN_TOKEN"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_an_order_that_names_what_there_is_not_is_404(
    engine: MemoryEngine, body: dict[str, Any], code: str
) -> None:
    ORDER.validate(body)
    answer = submit(json.dumps(body).encode())
    assert (answer.status, answer.body["code"]) == (404, code)
    assert answer.body["supported"]
    assert engine.store.rows == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (SOLD | {"amount": "0.00"}, "INVALID_AMOUNT"),
        (SOLD | {"minimumOut": "0"}, "INVALID_AMOUNT"),
        (SOLD | {"limitPrice": "1"}, "INVALID_PRICE"),
        (SOLD | {"type": "market", "stopPrice": "1"}, "INVALID_PRICE"),
        (STOP | {"limitPrice": "1"}, "INVALID_PRICE"),
        (LIMIT | {"stopPrice": "1"}, "INVALID_PRICE"),
        (LIMIT | {"limitPrice": "0"}, "INVALID_PRICE"),
        (LIMIT | {"limitPrice": 1e39}, "INVALID_PRICE"),
        (LIMIT | {"limitPrice": 9e-39}, "INVALID_PRICE"),
        (LIMIT | {"limitPrice": "0" * 38 + "1"}, "INVALID_PRICE"),  # 39 characters
        (SOLD | {"type": "limit"}, "MISSING_FIELD"),
        (SOLD | {"type": "stop"}, "MISSING_FIELD"),
        (SOLD | {"type": "sniper", "tokenOut": NEW}, "MISSING_FIELD"),
        (SNIPER | {"tokenOut": "USDC"}, "INVALID_MINT"),
        (SNIPER | {"tokenOut": NEW[:30]}, "INVALID_MINT"),
        (SNIPER | {"minimumOut": "1"}, "UNKNOWN_FIELD"),
        (SNIPER | {"quoteId": "A" * 32}, "INVALID_QUOTE_ID"),
        (SNIPER | {"limitPrice": "1"}, "INVALID_PRICE"),
        (SNIPER | {"minLiquidity": 0}, "INVALID_AMOUNT"),
        (LIMIT | {"minLiquidity": "1"}, "UNKNOWN_FIELD"),
        (SOLD | {"type": "iceberg"}, "INVALID_ORDER_TYPE"),
        (SOLD | {"expiresAt": 4102444800}, "INVALID_TYPE"),
        (SOLD | {"expiresInMs": 31_536_000_001}, "INVALID_EXPIRY"),
        (SOLD | {"expiresAt": "9999-01-01T00:00:00Z", "expiresInMs": 1}, "INVALID_EXPIRY"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_an_order_that_the_document_forbids_is_400(
    engine: MemoryEngine, body: dict[str, Any], code: str
) -> None:
    assert not ORDER.is_valid(body)
    answer = submit(json.dumps(body).encode())
    assert (answer.status, answer.body["code"]) == (400, code)
    assert engine.store.rows == {}


@pytest.mark.parametrize(
    "body",
    [
        SOLD | {"type": "market", "amount": "1.5", "expiresInMs": 31_536_000_000},
        LIMIT | {"limitPrice": 1e-38, "dexes": ["raydium", "meteora"], "excludeDexes": ["meteora"]},
        STOP | {"stopPrice": "0.001", "clientOrderId": "k"},
        SNIPER | {"maxPrice": 1e-38, "minLiquidity": 100, "slippageBps": "auto"},
    ],
    ids=str,
)
def test_an_order_of_each_type_is_taken(engine: MemoryEngine, body: dict[str, Any]) -> None:
    ORDER.validate(body)
    assert submit(json.dumps(body).encode()).status == 202
