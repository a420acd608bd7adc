from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from chalicelib.domain.curve import ONE, Curve, TwoHops, price_where
from chalicelib.domain.splitting import split
from chalicelib.domain.tokens import TOKENS
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.orca import Orca, Range, Whirlpool, sqrt_price_at
from chalicelib.simulation.raydium import ConstantProduct, Raydium
from hypothesis import assume, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("ROUTING_EXAMPLES", "100"))
"""How many small pools are compared with a search of every division; 100,000 take an hour."""

NOW = 1_750_000_000_000
MARKET = Market("solana")
VENUES = Raydium(MARKET), Meteora(MARKET), Orca(MARKET)


@st.composite
def products(draw: st.DrawFn) -> Curve:
    """Small pools of any price, from one base unit on a side."""
    top = draw(st.sampled_from((20, 1000, 10_000)))
    return ConstantProduct(draw(st.integers(1, top)), draw(st.integers(1, top)))


@st.composite
def whirlpools(draw: st.DrawFn) -> Curve:
    """Small pools of two to four ranges, each with liquidity of its own."""
    ticks = sorted(draw(st.lists(st.integers(-3000, 3000), min_size=3, max_size=5, unique=True)))
    liquidity = st.integers(100, 20_000)
    found = tuple(
        Range(sqrt_price_at(lower), sqrt_price_at(upper), draw(liquidity)) for lower, upper in pairwise(ticks)
    )
    return Whirlpool(found, sqrt_price_at(draw(st.integers(ticks[0] + 1, ticks[-1]))), draw(st.booleans()))


curves = st.one_of(products(), whirlpools())


def out(curves: Sequence[Curve], amounts: Sequence[int]) -> int:
    return sum(curve.swap(amount).amount_out for curve, amount in zip(curves, amounts, strict=True) if amount)


def best_of_every_division(curves: Sequence[Curve], amount_in: int) -> int | None:
    """What the best division gives, found by trying every one; None if the pools can't take the order."""
    best: list[int | None] = [0, *[None] * amount_in]
    for curve in curves:
        most = min(curve.capacity, amount_in)
        gives = [0, *(curve.swap(amount).amount_out for amount in range(1, most + 1))]
        best = [
            max(
                (
                    before + gives[part]
                    for part in range(min(total, most) + 1)
                    if (before := best[total - part]) is not None
                ),
                default=None,
            )
            for total in range(amount_in + 1)
        ]
    return best[-1]


@pytest.mark.timeout(max(120, EXAMPLES))
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(curves, min_size=2, max_size=3), st.integers(1, 250))
def test_no_division_gives_over_one_base_unit_a_leg_more_and_no_single_venue_gives_more(
    curves: list[Curve], amount_in: int
) -> None:
    found = split(curves, [0] * len(curves), amount_in)
    best = best_of_every_division(curves, amount_in)
    if best is None:
        assert found is None
        return
    assert found is not None and sum(found) == amount_in
    assert out(curves, found) >= best - len(curves)
    for curve in curves:
        if curve.capacity >= amount_in:
            assert out(curves, found) >= curve.swap(amount_in).amount_out


@pytest.mark.timeout(max(120, EXAMPLES))
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(products(), min_size=2, max_size=2), st.integers(1, 3000))
def test_two_constant_products_are_divided_as_no_other_division_betters(
    curves: list[Curve], amount_in: int
) -> None:
    found = split(curves, [0, 0], amount_in)
    assert found is not None
    one, other = curves
    best = max(out(curves, (part, amount_in - part)) for part in range(amount_in + 1))
    assert best - 2 <= out(curves, found) <= best
    assert out(curves, found) >= max(one.swap(amount_in).amount_out, other.swap(amount_in).amount_out)


@given(st.lists(products(), min_size=1, max_size=3), st.integers(1, 3000), st.integers(0, 50))
def test_what_a_leg_costs_is_weighed_against_what_it_brings(
    curves: list[Curve], amount_in: int, cost: int
) -> None:
    costs = [cost] * len(curves)
    found = split(curves, costs, amount_in)
    assert found is not None
    used = sum(amount > 0 for amount in found)
    for curve in curves:
        assert out(curves, found) - cost * used >= curve.swap(amount_in).amount_out - cost


def test_a_leg_that_costs_more_than_it_brings_is_left_out() -> None:
    pools = [ConstantProduct(10**9, 10**9), ConstantProduct(10**9, 10**9)]
    assert split(pools, [0, 0], 10**7) == (5_000_000, 5_000_000)
    alone, both = pools[0].swap(10**7).amount_out, 2 * pools[0].swap(5_000_000).amount_out
    gain = both - alone
    assert split(pools, [gain - 1] * 2, 10**7) == (5_000_000, 5_000_000)
    assert split(pools, [gain] * 2, 10**7) == (10**7, 0)


def test_two_constant_products_are_divided_by_their_depth() -> None:
    amounts = split(
        [ConstantProduct(3 * 10**12, 3 * 10**12), ConstantProduct(10**12, 10**12)], [0, 0], 10**10
    )
    assert amounts is not None
    assert abs(amounts[0] - 7_500_000_000) <= 2_000


def test_what_leaves_all_the_pools_is_not_divided() -> None:
    small = Whirlpool((Range(sqrt_price_at(-640), sqrt_price_at(640), 10**6),), 2**64, sells_x=True)
    most = small.capacity
    assert split([small, small], [0, 0], 2 * most) == (most, most)
    assert split([small, small], [0, 0], 2 * most + 1) is None


@pytest.mark.parametrize("symbols", [("SOL", "USDC"), ("USDC", "SOL"), ("USDC", "COPE"), ("BONK", "SOL")])
@settings(max_examples=10, deadline=None)
@given(share=st.fractions(Fraction(1, 100), 2))
def test_the_venues_pools_pay_the_same_at_the_margin_of_a_split(
    symbols: tuple[str, str], share: Fraction
) -> None:
    token_in, token_out = (next(token for token in TOKENS if token.symbol == symbol) for symbol in symbols)
    curves = [
        quote.curve
        for venue in VENUES
        if (quote := venue.quote_at(token_in, token_out, 10**token_in.decimals, NOW)).curve
    ]
    amount_in = int(curves[1].capacity * share)
    found = split(curves, [0, 0, 0], amount_in)
    assert found is not None and sum(found) == amount_in
    unit = max(1000, amount_in // 1000)
    for giver, given_now in enumerate(found):
        for taker, taken in enumerate(found):
            if giver != taker and given_now > unit and taken + unit <= curves[taker].capacity:
                moved = list(found)
                moved[giver] -= unit
                moved[taker] += unit
                assert out(curves, moved) <= out(curves, found)


@given(products(), products(), st.integers(1, 5000))
def test_two_hops_give_what_one_after_the_other_gives(first: Curve, second: Curve, amount_in: int) -> None:
    hops = TwoHops(first, second)
    one = first.swap(amount_in)
    two = second.swap(one.amount_out)
    found = hops.swap(amount_in)
    assert found.amount_out == two.amount_out
    assert found.price_impact_bps <= one.price_impact_bps + two.price_impact_bps
    assert found.price_impact_bps >= max(one.price_impact_bps, two.price_impact_bps)
    assert found.fee >= one.fee


def test_two_hops_take_what_both_pools_can() -> None:
    small = Whirlpool((Range(sqrt_price_at(-640), sqrt_price_at(640), 10**6),), 2**64, sells_x=True)
    for hops in (
        TwoHops(ConstantProduct(10**9, 10**9), small),
        TwoHops(small, ConstantProduct(10**9, 10**9)),
    ):
        hops.swap(hops.capacity)
        assert 0.9 * small.capacity < hops.capacity < 1.1 * small.capacity
    assert (
        TwoHops(ConstantProduct(10**9, 10**9), small).first.swap(hops.capacity).amount_out <= small.capacity
    )


def test_a_split_with_two_hops_is_better_than_either_path() -> None:
    direct = ConstantProduct(10**9, 10**9)
    hops = TwoHops(ConstantProduct(10**9, 10**9), ConstantProduct(10**9, 10**9))
    found = split([direct, hops], [0, 0], 10**8)
    assert found is not None
    gives = out([direct, hops], found)
    assert min(found) > 10**7
    assert gives > direct.swap(10**8).amount_out > hops.swap(10**8).amount_out
    around = (out([direct, hops], (found[0] + d, found[1] - d)) for d in range(-20_000, 20_001, 500))
    assert max(around) <= gives + 2


@given(products(), st.integers(1, 2000))
def test_at_a_lower_price_no_less_is_sold(curve: Curve, amount_in: int) -> None:
    gives = curve.swap(amount_in).amount_out
    assume(gives)
    price = gives * ONE // amount_in
    assert curve.sold_until(2 * price) <= curve.sold_until(price) <= curve.sold_until(price // 2)


def test_a_price_is_found_to_within_one_part_in_a_million() -> None:
    low, high = price_where(lambda price: price <= 3 * ONE)
    assert low <= 3 * ONE < high
    assert (high - low) * 10**6 < 2 * low


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (1, 1)])
@settings(max_examples=5, deadline=None)
@given(share=st.fractions(Fraction(1, 10), Fraction(3, 2)))
def test_pools_and_two_hops_pay_the_same_at_the_margin_of_a_split(
    first: int, second: int, share: Fraction
) -> None:
    usdc, sol, bonk = (
        next(token for token in TOKENS if token.symbol == name) for name in ("USDC", "SOL", "BONK")
    )
    direct = [venue.quote_at(usdc, bonk, 10**6, NOW).curve for venue in VENUES]
    to_sol, from_sol = (
        VENUES[first].quote_at(usdc, sol, 10**6, NOW).curve,
        VENUES[second].quote_at(sol, bonk, 10**9, NOW).curve,
    )
    assert to_sol is not None and from_sol is not None
    curves = [*(curve for curve in direct if curve is not None), TwoHops(to_sol, from_sol)]
    amount_in = int(curves[1].capacity * share)
    found = split(curves, [0] * 4, amount_in)
    assert found is not None and sum(found) == amount_in
    gives = out(curves, found)
    for giver in range(4):
        for taker in range(4):
            for unit in (amount_in // 10**5, amount_in // 10**3):
                if giver != taker and found[giver] > unit and found[taker] + unit <= curves[taker].capacity:
                    moved = list(found)
                    moved[giver] -= unit
                    moved[taker] += unit
                    assert out(curves, moved) <= gives + 2 * gives // amount_in
