"""Orders that name a quote: their minimum, and the quotes that they may not name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.fakes import MemoryEngine
from tests.rest import Answer, call, submit

QUERY = {"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"]}
ORDER: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


def quote(**more: list[str]) -> Any:
    return call("GET", "/api/quote", query=QUERY | more).body


def place(**more: object) -> Answer:
    return submit(json.dumps(ORDER | more).encode())


def minimum_of(engine: MemoryEngine, answer: Answer) -> int | None:
    return engine.store.rows[answer.body["orderId"]].order.terms.floor_out


def test_a_quote_says_until_when_it_may_be_named(engine: MemoryEngine) -> None:
    found = quote()
    assert len(found["quoteId"]) == 32
    assert datetime.fromisoformat(found["expiresAt"]).tzinfo is not None


def test_an_order_that_names_a_quote_has_its_minimum(engine: MemoryEngine) -> None:
    found = quote(slippageBps=["50"])
    engine.meteora.amount_out -= 10_000_000
    answer = place(quoteId=found["quoteId"])
    assert answer.status == 202
    assert minimum_of(engine, answer) == 150_245_000 == int(found["otherAmountThreshold"])
    assert (
        call("GET", "/api/orders/{order_id}", order_id=answer.body["orderId"]).body["minimumOut"] == "150.245"
    )


def test_of_the_quotes_minimum_and_the_orders_own_the_larger_one_holds(engine: MemoryEngine) -> None:
    found = quote()["quoteId"]
    assert minimum_of(engine, place(quoteId=found, minimumOut="150.5")) == 150_500_000
    assert minimum_of(engine, place(quoteId=found, minimumOut="1")) == 149_490_000


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"quoteId": "x"}, 400, "INVALID_QUOTE_ID"),
        ({"quoteId": 5}, 400, "INVALID_QUOTE_ID"),
        ({"type": "stop", "stopPrice": "1"}, 400, "INVALID_QUOTE_ID"),
        ({"quoteId": "x" * 32}, 409, "QUOTE_MISMATCH"),
        ({"amount": "1.1"}, 409, "QUOTE_MISMATCH"),
        ({"tokenOut": "RAY"}, 409, "QUOTE_MISMATCH"),
    ],
)
def test_a_quote_that_is_not_the_orders_is_refused(
    engine: MemoryEngine, changes: dict[str, object], status: int, code: str
) -> None:
    answer = place(**{"quoteId": quote()["quoteId"]} | changes)
    assert (answer.status, answer.body["code"], answer.body["field"]) == (status, code, "quoteId")
    assert engine.store.rows == {}


def test_a_quote_has_no_field_for_a_quote(engine: MemoryEngine) -> None:
    assert quote(quoteId=["x"])["code"] == "UNKNOWN_FIELD"


@pytest.fixture
def hasty() -> Iterator[MemoryEngine]:
    with MemoryEngine(quote_ttl_ms=-1) as engine:  # a quote is over when it is given
        yield engine


def test_a_quote_that_is_over_is_refused(hasty: MemoryEngine) -> None:
    for more in ({}, {"clientOrderId": "key"}):
        answer = place(quoteId=quote()["quoteId"], **more)
        assert (answer.status, answer.body["code"]) == (409, "QUOTE_EXPIRED")
    assert hasty.store.rows == {}
    batch = json.dumps({"orders": [ORDER, ORDER | {"quoteId": quote()["quoteId"]}]}).encode()
    results = call("POST", "/api/orders/batch", batch).body["results"]
    assert ("orderId" in results[0], results[1]["code"]) == (True, "QUOTE_EXPIRED")


def test_an_order_that_was_placed_in_time_is_answered_again_after_that(engine: MemoryEngine) -> None:
    found = quote()["quoteId"]
    first = place(quoteId=found, clientOrderId="key")
    with MemoryEngine(quote_ttl_ms=-1) as later:
        over = quote()["quoteId"]  # the same promise, and over
        later.store = engine.store
    with later:
        again = place(quoteId=over, clientOrderId="key")
        assert (again.status, again.body["orderId"]) == (200, first.body["orderId"])
        assert again.headers["Idempotent-Replayed"] == "true"
        other = place(quoteId=over, clientOrderId="key", minimumOut="150.5")
        assert (other.status, other.body["code"]) == (409, "IDEMPOTENCY_CONFLICT")
