from __future__ import annotations

from fractions import Fraction

import pytest
from chalicelib.domain.routing import BPS, Quote, best, minimum_received
from chalicelib.domain.terms import MAX_BASE_UNITS, Terms
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import SOL, USDC


def quote(venue: str, amount_out: int, *, fee: int = 0, impact: int = 0) -> Quote:
    return Quote(venue, SOL, USDC, 10**9, amount_out, fee, impact)


def test_the_venue_that_gives_the_trader_more_is_chosen() -> None:
    assert best([quote("raydium", 150), quote("meteora", 151)]).venue == "meteora"


def test_the_amount_received_decides_and_not_the_fee_or_the_price_impact() -> None:
    dear = quote("raydium", 151, fee=1000, impact=500)
    cheap = quote("meteora", 150, fee=1, impact=1)
    assert best([cheap, dear]) is dear


def test_of_equal_amounts_the_quote_with_the_smaller_price_impact_is_chosen() -> None:
    assert best([quote("meteora", 150, impact=3), quote("raydium", 150, impact=2)]).venue == "raydium"


def test_of_equal_quotes_the_choice_does_not_depend_on_their_order() -> None:
    quotes = [quote("raydium", 150), quote("meteora", 150)]
    assert best(quotes) == best(reversed(quotes))


@pytest.mark.parametrize(
    ("amount_out", "slippage_bps", "least"),
    [
        (100_000_000, 100, 99_000_000),
        (100_000_001, 100, 99_000_000),  # a part of a base unit is not asked for
        (1, 1, 0),
        (10_000, 5000, 5000),
        (0, 100, 0),
        (MAX_BASE_UNITS, 1, 9_222_449_699_651_090_329),
    ],
)
def test_the_minimum_received_is_the_quote_less_the_slippage(
    amount_out: int, slippage_bps: int, least: int
) -> None:
    assert minimum_received(amount_out, Terms(SOL, USDC, 10**9, slippage_bps)) == least


@given(st.integers(0, 2**64), st.integers(1, 5000))
def test_the_minimum_received_is_exact_and_rounded_down(amount_out: int, slippage_bps: int) -> None:
    exact = Fraction(amount_out * (BPS - slippage_bps), BPS)
    assert exact - 1 < minimum_received(amount_out, Terms(SOL, USDC, 10**9, slippage_bps)) <= exact
