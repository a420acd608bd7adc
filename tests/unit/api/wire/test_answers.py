from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from chalicelib.api.wire import answers
from chalicelib.api.wire.events import (
    event_detail,
    event_message,
    event_object,
    parse_event_message,
    quotes,
    terms,
    timestamp,
)
from chalicelib.domain.errors import IdempotencyConflict, InvalidRequest, LimitReached, NotFound, QuoteTimeout
from chalicelib.domain.events import Event, OrderAccepted, OrderRedriven
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import MAX_BASE_UNITS, Terms

from tests.samples import SOL, USDC, event_of

AT = datetime(2026, 1, 31, 12, 0, 0, 1999, UTC)
TERMS = Terms(SOL, USDC, 1_500_000_000, 100)


def order(**known: object) -> Order:
    return Order("id", TERMS, Status.PENDING, 1, 1, AT, AT, **known)  # type: ignore[arg-type]


def rendered(of: Order) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answers.text(answers.order(of)))
    return found


def test_unknown_values_are_absent_and_not_null() -> None:
    assert rendered(order()) == {
        "orderId": "id",
        "status": "pending",
        "attempt": 1,
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amount": "1.5",
        "slippageBps": 100,
        "createdAt": "2026-01-31T12:00:00.001Z",
        "updatedAt": "2026-01-31T12:00:00.001Z",
    }


def test_a_filled_order_has_its_amounts_as_decimal_strings() -> None:
    filled = rendered(
        order(
            venue="meteora",
            quoted_out=227_000_000,
            minimum_out=224_730_000,
            amount_out=226_500_000,
            signature="hash",
        )
    )
    assert {name: filled[name] for name in ("quotedOut", "minimumOut", "amountOut", "executedPrice")} == {
        "quotedOut": "227",
        "minimumOut": "224.73",
        "amountOut": "226.5",
        "executedPrice": "151",
    }


def test_a_fill_of_nothing_is_shown_and_not_left_out() -> None:
    wire = rendered(order(amount_out=0, minimum_out=0))
    assert (wire["amountOut"], wire["minimumOut"], wire["executedPrice"]) == ("0", "0", "0")


def test_the_largest_order_is_written_exactly() -> None:
    assert terms(Terms(SOL, USDC, MAX_BASE_UNITS, 1)).amount == "9223372036.854775807"


def test_an_event_on_the_wire_is_flat() -> None:
    event = Event("id", 3, Status.BUILDING, 2, AT, {"chosen": "raydium"})
    assert event_object(event) == {
        "orderId": "id",
        "seq": 3,
        "status": "building",
        "attempt": 2,
        "at": "2026-01-31T12:00:00.001Z",
        "chosen": "raydium",
    }


def test_times_are_written_in_utc_whatever_zone_they_come_in() -> None:
    assert timestamp(AT.astimezone(timezone(timedelta(hours=-8)))) == timestamp(AT)


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        (Status.PENDING, {"error": "No answer.", "code": "QUOTE_TIMEOUT", "retryInMs": 0}),
        (Status.ROUTING, {}),
        (
            Status.BUILDING,
            {
                "chosen": "meteora",
                "route": {"dex": "meteora", "amountOut": "151", "minimumOut": "149.49", "priceImpactBps": 1},
                "quotes": {
                    "meteora": {
                        "dex": "meteora",
                        "price": "151",
                        "amountOut": "151",
                        "fee": "0.002",
                        "priceImpactBps": 1,
                    },
                    "raydium": {"error": "No answer.", "code": "QUOTE_TIMEOUT"},
                },
                "inAmount": "1000000000",
                "outAmount": "151000000",
                "otherAmountThreshold": "149490000",
                "priceImpact": "0.0001",
                "routePlan": [
                    {
                        "percent": 100,
                        "bps": 10_000,
                        "swapInfo": {
                            "ammKey": "",
                            "label": "meteora",
                            "inputMint": SOL.mint,
                            "outputMint": USDC.mint,
                            "inAmount": "1000000000",
                            "outAmount": "151000000",
                            "feeAmount": "2000000",
                            "feeMint": SOL.mint,
                        },
                    }
                ],
                "bestSingle": {"dex": "meteora", "amountOut": "151"},
            },
        ),
        (Status.SUBMITTED, {"dex": "meteora", "txHash": "signature"}),
        (
            Status.CONFIRMED,
            {
                "dex": "meteora",
                "txHash": "signature",
                "executedPrice": "151",
                "amountOut": "151",
                "slot": 7,
            },
        ),
        (Status.FAILED, {"error": "No answer.", "code": "QUOTE_TIMEOUT", "attempts": 3}),
    ],
)
def test_an_event_of_each_status_has_its_fields(status: Status, detail: dict[str, object]) -> None:
    assert event_detail(event_of(status)) == detail


def test_the_first_event_has_the_terms_and_a_redriven_one_its_number() -> None:
    assert event_detail(OrderAccepted(TERMS)) == {
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amount": "1.5",
        "slippageBps": 100,
    }
    assert event_detail(OrderRedriven(2)) == {"redriven": 2}


@pytest.mark.parametrize("status", Status)
def test_a_published_event_is_read_back(status: Status) -> None:
    message = event_message(Event("id", 3, status, 2, AT, event_detail(event_of(status))))
    assert parse_event_message(message.text) == message


@pytest.mark.parametrize(
    "text", ["", "[]", "nonsense", "{}", '{"orderId": "id", "seq": "1"}', "[" * 100_000, '{"follow": []}']
)
def test_an_invalid_event_message_is_ignored(text: str) -> None:
    assert parse_event_message(text) is None


def test_a_quote_is_in_tokens() -> None:
    quote = Quote("raydium", SOL, USDC, 10**9, 150_500_000, 3_000_000, 12)
    shown = json.loads(answers.text(quotes({"raydium": quote})["raydium"]))
    assert shown == {
        "dex": "raydium",
        "price": "150.5",
        "amountOut": "150.5",
        "fee": "0.003",
        "priceImpactBps": 12,
    }


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InvalidRequest("No.", code="SAME_TOKEN", field="tokenOut"), {"field": "tokenOut"}),
        (InvalidRequest("No.", code="UNKNOWN_TOKEN", supported=["SOL"]), {"supported": ["SOL"]}),
        (NotFound(order_id="x"), {"orderId": "x"}),
        (IdempotencyConflict(order_id="x"), {"orderId": "x"}),
        (LimitReached(code="TOO_MANY_ORDERS", limit=5), {"limit": 5}),
        (QuoteTimeout(), {}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_an_error_has_its_sentence_its_code_and_its_facts(
    error: InvalidRequest, fields: dict[str, object]
) -> None:
    shown = json.loads(answers.text(answers.error(error)))
    docs = f"docs#{error.code}"
    assert shown == {"error": str(error), "code": error.code, "docs": docs, **fields}
