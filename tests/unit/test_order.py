from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone

import pytest
from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.domain.order import MAX_BASE_UNITS, Event, Order, Terms, executed_price, timestamp

from tests.samples import SOL, USDC

AT = datetime(2026, 1, 31, 12, 0, 0, 1999, UTC)
TERMS = Terms(SOL, USDC, 1_500_000_000, 100)


def order(**known: object) -> Order:
    return Order("id", TERMS, Status.PENDING, 1, 1, AT, AT, **known)  # type: ignore[arg-type]


def test_what_is_not_known_yet_is_absent_and_not_null() -> None:
    assert order().to_wire() == {
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


def test_a_filled_order_tells_its_amounts_as_decimal_strings() -> None:
    filled = order(
        dex="meteora", quoted_out=227_000_000, minimum_out=224_730_000, amount_out=226_500_000, tx_hash="hash"
    ).to_wire()
    assert {name: filled[name] for name in ("quotedOut", "minimumOut", "amountOut", "executedPrice")} == {
        "quotedOut": "227",
        "minimumOut": "224.73",
        "amountOut": "226.5",
        "executedPrice": "151",
    }


def test_a_fill_of_nothing_is_told_and_not_left_out() -> None:
    wire = order(amount_out=0, minimum_out=0).to_wire()
    assert (wire["amountOut"], wire["minimumOut"], wire["executedPrice"]) == ("0", "0", "0")


def test_the_largest_order_is_written_exactly() -> None:
    assert Terms(SOL, USDC, MAX_BASE_UNITS, 1).to_wire()["amount"] == "9223372036.854775807"


def test_an_event_on_the_wire_is_flat() -> None:
    event = Event("id", 3, Status.BUILDING, 2, AT, {"chosen": "raydium"})
    assert event.to_wire() == {
        "orderId": "id",
        "seq": 3,
        "status": "building",
        "attempt": 2,
        "at": "2026-01-31T12:00:00.001Z",
        "chosen": "raydium",
    }


@pytest.mark.parametrize("status", Status)
def test_an_event_and_an_order_know_whether_it_is_the_end(status: Status) -> None:
    assert Event("id", 1, status, 1, AT).is_terminal == (status in TERMINAL)
    assert Order("id", TERMS, status, 1, 1, AT, AT).is_terminal == (status in TERMINAL)


def test_an_order_does_not_change_under_its_reader() -> None:
    with pytest.raises(FrozenInstanceError):
        order().status = Status.FAILED  # type: ignore[misc]


def test_times_are_told_in_utc_whatever_zone_they_come_in() -> None:
    assert timestamp(AT.astimezone(timezone(timedelta(hours=-8)))) == timestamp(AT)


def test_the_executed_price_is_tokens_out_per_token_in() -> None:
    assert executed_price(TERMS, 226_500_001) == "151.000000666"
