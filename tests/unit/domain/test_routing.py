from __future__ import annotations

from fractions import Fraction

import pytest
from chalicelib.domain.curve import Curve
from chalicelib.domain.errors import BelowMinimumOut, PriceImpactTooHigh
from chalicelib.domain.routing import (
    BPS,
    LEG_COST_BPS,
    SPLIT_FROM_BPS,
    Path,
    Quote,
    best,
    best_route,
    legs_of,
    minimum_received,
    refusal,
)
from chalicelib.domain.terms import MAX_BASE_UNITS, Terms
from chalicelib.domain.tokens import Token
from chalicelib.simulation.raydium import ConstantProduct
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import COPE, SOL, TERMS, USDC


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


AMOUNT = 10**7
DEEP, SHALLOW = ConstantProduct(10**12, 10**12), ConstantProduct(10**9, 10**9)
"""An order of AMOUNT moves the first by 0.1 bps, the second by 99."""


def quoted(
    venue: str, curve: ConstantProduct, *, amount: int = AMOUNT, sold: Token = SOL, bought: Token = USDC
) -> Quote:
    fill = curve.swap(amount)
    return Quote(
        venue,
        sold,
        bought,
        amount,
        fill.amount_out,
        fill.fee,
        fill.price_impact_bps,
        f"pool-of-{venue}",
        curve,
    )


def route(*paths: Path, amount: int = AMOUNT) -> Quote:
    found = best_route(paths, amount)
    assert found is not None
    return found


def test_an_order_that_hardly_moves_the_best_pool_goes_there_and_no_curve_is_looked_at() -> None:
    class Untouched:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    curve: Curve = Untouched()  # type: ignore[assignment]
    small = Quote("raydium", SOL, USDC, AMOUNT, 150, 0, SPLIT_FROM_BPS - 1, curve=curve)
    other = Quote("meteora", SOL, USDC, AMOUNT, 140, 0, 0, curve=curve)
    assert route((small,), (other,)) is small


def test_an_order_that_moves_one_pool_is_divided_and_the_trader_receives_more() -> None:
    one, other = quoted("raydium", SHALLOW), quoted("meteora", SHALLOW)
    found = route((one,), (other,))
    assert {leg.venue for leg in found.legs} == {"raydium", "meteora"}
    assert sum(leg.amount_in for leg in found.legs) == found.amount_in == AMOUNT
    assert sum(leg.amount_out for leg in found.legs) == found.amount_out > one.amount_out
    assert sum(leg.fee for leg in found.legs) == found.fee
    assert found.price_impact_bps < one.price_impact_bps
    for leg in found.legs:
        assert leg.amount_out == SHALLOW.swap(leg.amount_in).amount_out
        assert leg.pool == f"pool-of-{leg.venue}"


def test_a_route_is_named_by_its_largest_leg() -> None:
    deeper = ConstantProduct(3 * 10**9, 3 * 10**9)
    assert route((quoted("raydium", SHALLOW),), (quoted("meteora", deeper),)).venue == "meteora"
    assert route((quoted("raydium", deeper),), (quoted("meteora", SHALLOW),)).venue == "raydium"


def test_a_leg_that_brings_less_than_it_costs_is_left_out() -> None:
    deep, drop = (
        quoted("raydium", ConstantProduct(10**10, 10**10)),
        quoted("orca", ConstantProduct(10**7, 10**7)),
    )
    whole = route((deep,), (drop,))
    assert whole.legs == ()
    assert deep.curve and drop.curve
    both = deep.curve, drop.curve
    gain = max(
        both[0].swap(AMOUNT - part).amount_out + both[1].swap(part).amount_out for part in range(1, 20_000)
    )
    assert deep.amount_out < gain < deep.amount_out * (1 + Fraction(LEG_COST_BPS, BPS))


def test_a_venue_without_a_curve_is_taken_for_all_of_the_order_or_not_at_all() -> None:
    good = Quote("raydium", SOL, USDC, AMOUNT, AMOUNT, 0, 200)
    assert route((good,), (quoted("meteora", SHALLOW),)) is good
    bad = Quote("raydium", SOL, USDC, AMOUNT, AMOUNT // 2, 0, 200)
    assert route((bad,), (quoted("meteora", SHALLOW),)).venue == "meteora"


def test_a_pool_that_cannot_take_the_whole_order_takes_a_part_of_it() -> None:
    class Small(ConstantProduct):
        @property
        def capacity(self) -> int:
            return AMOUNT // 2

    part = quoted("orca", Small(10**9, 10**9), amount=AMOUNT // 8)
    found = route((part,), (quoted("raydium", SHALLOW),))
    assert {leg.venue for leg in found.legs} == {"orca", "raydium"}
    assert best_route([(part,)], AMOUNT) is None
    assert best_route([(Quote("orca", SOL, USDC, AMOUNT // 8, 1, 0, 0),)], AMOUNT) is None


def test_where_no_pool_is_direct_two_hops_are_one_route() -> None:
    first = quoted("orca", DEEP, bought=COPE)
    second = quoted("raydium", DEEP, amount=first.amount_out, sold=COPE)
    found = route((first, second))
    assert found.legs == (first, second)
    assert (found.token_in, found.token_out, found.venue) == (SOL, USDC, "orca")
    assert found.amount_out == second.amount_out
    assert found.fee == first.fee + -(-second.fee * AMOUNT // first.amount_out)
    assert found.price_impact_bps == first.price_impact_bps + second.price_impact_bps  # of 1 bps each


def test_a_thin_direct_pool_shares_the_order_with_two_hops() -> None:
    direct = quoted("raydium", ConstantProduct(10**8, 10**8))
    first = quoted("orca", DEEP, bought=COPE)
    second = quoted("meteora", ConstantProduct(10**9, 10**9), amount=first.amount_out, sold=COPE)
    found = route((direct,), (first, second))
    assert [leg.venue for leg in found.legs] == ["raydium", "orca", "meteora"]
    assert found.venue == "orca"
    assert found.legs[0].amount_in + found.legs[1].amount_in == AMOUNT
    assert found.legs[2].amount_in == found.legs[1].amount_out
    assert found.amount_out > max(direct.amount_out, second.amount_out)


def test_without_a_path_there_is_no_route() -> None:
    assert best_route([], AMOUNT) is None


@given(
    st.lists(st.tuples(st.integers(10**6, 10**12), st.integers(10**6, 10**12)), min_size=1, max_size=3),
    st.integers(10**3, 10**9),
)
def test_no_route_leaves_the_trader_with_less_than_the_best_single_venue(
    reserves: list[tuple[int, int]], amount: int
) -> None:
    quotes = [
        quote
        for number, sides in enumerate(reserves)
        if (quote := quoted(f"venue-{number}", ConstantProduct(*sides), amount=amount)).amount_out
    ]
    single = best(quotes) if quotes else None
    found = best_route([(quote,) for quote in quotes], amount)
    assert (found is None) == (single is None)
    if found and single:
        assert found.amount_out >= single.amount_out
        assert sum(leg.amount_in for leg in legs_of(found)) == amount


def test_a_refusal_of_a_divided_order_names_all_its_venues() -> None:
    found = route((quoted("raydium", SHALLOW),), (quoted("meteora", SHALLOW),))
    impact = refusal(found, TERMS, 1)
    assert isinstance(impact, PriceImpactTooHigh)
    assert "raydium and meteora, on its best route, by" in str(impact)
    floor = refusal(found, Terms(SOL, USDC, AMOUNT, 100, floor_out=10**12), 10_000)
    assert isinstance(floor, BelowMinimumOut)
    assert "of raydium and meteora, is" in str(floor)
