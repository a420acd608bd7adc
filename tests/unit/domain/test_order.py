from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import Terms, executed_price

from tests.samples import SOL, USDC

AT = datetime(2026, 1, 31, 12, 0, 0, 1999, UTC)
TERMS = Terms(SOL, USDC, 1_500_000_000, 100)


def order(**known: object) -> Order:
    return Order("id", TERMS, Status.PENDING, 1, 1, AT, AT, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", Status)
def test_an_event_and_an_order_of_a_terminal_status_are_terminal(status: Status) -> None:
    assert Event("id", 1, status, 1, AT).is_terminal == (status in TERMINAL)
    assert Order("id", TERMS, status, 1, 1, AT, AT).is_terminal == (status in TERMINAL)


def test_an_order_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        order().status = Status.FAILED  # type: ignore[misc]


def test_the_executed_price_is_tokens_out_per_token_in() -> None:
    assert executed_price(TERMS, 226_500_001) == Decimal("151.000000666")
