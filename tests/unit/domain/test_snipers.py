"""What a sniper's price comes to: rounded for its trader, and known once its token is launched."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from chalicelib.domain.attempt import Attempt, Claim
from chalicelib.domain.errors import AttemptFailed, BelowMinimumOut, PoolNotOpen, SlippageExceeded
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.routing import Quote, minimum_received, refusal
from chalicelib.domain.terms import least_bought, resolved
from chalicelib.domain.tokens import learn, new_token
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import SOL, USDC, new_mint, sniper

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("price", "decimals", "least"),
    [
        ("0.001", 6, 1_000_000_000),  # a SOL buys 1,000 of them
        ("0.003", 6, 333_333_334),  # rounded up: one unit less would cost more than 0.003 each
        ("0.001", 0, 1_000),
        ("0.0007", 0, 1_429),
        ("3", 0, 1),
        ("1e-30", 9, 10**39),  # more than any pool holds: it never fires
    ],
)
def test_the_least_that_a_price_allows_is_rounded_up(price: str, decimals: int, least: int) -> None:
    token = new_token(new_mint(), decimals)
    assert least_bought(SOL, token, 10**9, Decimal(price)) == least


@given(
    st.integers(1, 2**63 - 1),
    st.decimals("1e-20", "1e20", allow_nan=False, places=20).filter(lambda price: price > 0),
    st.integers(0, 18),
)
def test_no_fill_of_the_least_costs_more_than_the_price_and_one_unit_less_does(
    amount_in: int, price: Decimal, decimals: int
) -> None:
    token = new_token(new_mint(), decimals)
    least = least_bought(USDC, token, amount_in, price)
    paid, bought = Fraction(amount_in, 10**6), Fraction(least, 10**decimals)
    assert paid <= bought * Fraction(price)
    assert paid > (bought - Fraction(1, 10**decimals)) * Fraction(price)


def test_the_floor_is_known_once_the_token_is_and_is_all_that_counts() -> None:
    mint = new_mint()
    terms = sniper(mint, "0.003", slippage_bps=5000)
    assert resolved(terms) == terms
    learn(new_token(mint, 6))
    assert resolved(terms).floor_out == 333_333_334
    assert minimum_received(10**12, resolved(terms)) == 333_333_334


def test_a_sniper_whose_token_a_process_does_not_know_is_refused_whatever_is_offered() -> None:
    terms = sniper(new_mint())
    quote = Quote("raydium", SOL, terms.token_out, 10**9, 10**18, 0, 1)
    assert isinstance(refusal(quote, terms, 300), BelowMinimumOut)


@pytest.mark.parametrize("error", [BelowMinimumOut(), SlippageExceeded(), PoolNotOpen()])
def test_a_sniper_whose_price_is_gone_rests_again(error: AttemptFailed) -> None:
    order = Order("id", sniper(new_mint()), Status.ROUTING, 1, 3, NOW, NOW)
    attempt = Attempt(Claim(order, fence=1, resumed=False, transaction=None))
    step = attempt.fail_or_retry(error, RetryPolicy(), 0.5)
    assert (step.status, step.order.attempt, step.retry_in_ms) == (Status.OPEN, 1, None)
