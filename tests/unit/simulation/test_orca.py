from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.tokens import HUBS, TOKENS, Token, find_token
from chalicelib.simulation.market import Market, depth, sides
from chalicelib.simulation.orca import (
    SHARE,
    TICK_SPACING,
    Orca,
    Range,
    Whirlpool,
    ranges,
    sqrt_price_at,
    step,
    tick_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st

NOW = 1_750_000_000_000
MARKET = Market("solana")
ORCA = Orca(MARKET)
KEPT = Fraction(997, 1000)
Q64 = 2**64

directions = (
    st.permutations(TOKENS)
    .filter(lambda tokens: bool({*HUBS} & {*tokens[:2]}))
    .map(lambda tokens: (*tokens[:2],))
)
shares = st.fractions(Fraction(1, 1000), Fraction(99, 100))  # of all that a pool can take
instants = st.integers(0, 4_000_000_000_000)


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found
    return found


def whirlpool(token_in: Token, token_out: Token) -> Whirlpool:
    curve = ORCA.quote_at(token_in, token_out, 10**token_in.decimals, NOW).curve
    assert isinstance(curve, Whirlpool)
    return curve


def exact_out(pool: Whirlpool, amount_in: int) -> Fraction:
    """What the ranges give for an order, in exact fractions: fee off the input, then range after range."""
    left, out, s = amount_in * KEPT, Fraction(0), Fraction(pool.sqrt_price, Q64)
    for found in reversed(pool.ranges) if pool.sells_x else pool.ranges:
        lower, upper = Fraction(found.lower, Q64), Fraction(found.upper, Q64)
        if not lower <= s <= upper:
            continue
        if pool.sells_x:
            used = min(left, found.liquidity * (1 / lower - 1 / s))
            after = 1 / (1 / s + used / found.liquidity)
            out += found.liquidity * (s - after)
        else:
            used = min(left, found.liquidity * (upper - s))
            after = s + used / found.liquidity
            out += found.liquidity * (1 / s - 1 / after)
        left, s = left - used, after
    assert left == 0
    return out


@given(st.integers(-443_636, 443_636))
def test_a_ticks_price_is_a_power_of_the_step(tick: int) -> None:
    with localcontext(prec=60):
        exact = Decimal("1.0001") ** (Decimal(tick) / 2)
        coarse = Decimal(2) ** -58 * max(exact, 1 / exact)
        assert abs(Decimal(sqrt_price_at(tick)) / Q64 / exact - 1) < Decimal("1e-9") + coarse


@pytest.mark.parametrize(
    ("tick", "sqrt_price"),
    [(0, 2**64), (-1, 18445821805675392311), (-443_636, 4_295_048_016)],  # the program's own bounds
)
def test_a_ticks_price_is_the_programs(tick: int, sqrt_price: int) -> None:
    assert sqrt_price_at(tick) == sqrt_price


@given(directions, instants)
def test_the_tick_is_the_last_one_below_the_markets_price(direction: tuple[Token, Token], at_ms: int) -> None:
    x, y = sides(*direction)
    sqrt_price = ORCA.sqrt_price(x, y, at_ms)
    tick = tick_of(sqrt_price)
    assert sqrt_price_at(tick) <= sqrt_price < sqrt_price_at(tick + 1)
    assert abs(Fraction(sqrt_price, Q64) ** 2 / MARKET.venue_price("orca", x, y, at_ms) - 1) < Fraction(
        1, 10**8
    )


def test_a_step_equals_one_calculated_by_hand() -> None:
    # L = 1 000 000 at price 1: as a constant product of 1 000 000 and 1 000 000. 1000 in, 997 after the fee:
    # s = 1/(1 + 0.000997), so 1 000 000 × (1 − s) = 996.007 of y.
    found = step(1000, Q64, Q64 // 2, 1_000_000)
    assert (found.amount_in, found.fee, found.amount_out) == (997, 3, 996)
    # The other way s = 1.000997 and 1 000 000 × (1 − 1/s) = 996.007 of x.
    found = step(1000, Q64, Q64 * 2, 1_000_000)
    assert (found.amount_in, found.fee, found.amount_out) == (997, 3, 996)
    # Down to s = 1/2 it takes 1 000 000 × (2 − 1) of x, a fee on top, and gives half a million of y.
    found = step(10**9, Q64, Q64 // 2, 1_000_000)
    assert (found.amount_in, found.fee, found.amount_out) == (1_000_000, 3010, 500_000)
    assert found.sqrt_price == Q64 // 2


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(-50_000, 50_000), st.booleans())
def test_a_step_rounds_every_division_against_the_trader(
    amount: int, liquidity: int, tick: int, sells_x: bool
) -> None:
    here, target = sqrt_price_at(tick), sqrt_price_at(tick - 640 if sells_x else tick + 640)
    found = step(amount, here, target, liquidity)
    s, after = Fraction(here, Q64), Fraction(found.sqrt_price, Q64)
    x, y = liquidity * abs(1 / after - 1 / s), liquidity * abs(after - s)
    taken, given_out = (x, y) if sells_x else (y, x)
    assert taken <= found.amount_in < taken + 1
    assert given_out - 1 < found.amount_out <= given_out
    assert found.fee >= (found.amount_in + found.fee) * Fraction(3, 1000)
    assert found.amount_in + found.fee <= amount


@given(directions, shares)
def test_the_walk_agrees_with_exact_fractions_and_rounds_against_the_trader(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    pool = whirlpool(*direction)
    amount_in = max(10_000, int(pool.capacity * share))
    exact, found = exact_out(pool, amount_in), pool.swap(amount_in).amount_out
    price = Fraction(pool.sqrt_price, Q64) ** 2
    unit = price if pool.sells_x else 1 / price
    assert exact - len(pool.ranges) * (3 * unit + 2) <= found <= exact


@given(directions, shares, shares)
def test_selling_more_gives_more_and_has_no_less_impact(
    direction: tuple[Token, Token], one: Fraction, other: Fraction
) -> None:
    pool = whirlpool(*direction)
    less, more = (pool.swap(max(10_000, int(pool.capacity * share))) for share in sorted((one, other)))
    assert less.amount_out <= more.amount_out
    assert less.price_impact_bps <= more.price_impact_bps + 1  # a base unit of a small order is a part of it


@given(directions, shares)
def test_a_round_trip_at_one_instant_loses_the_fee(direction: tuple[Token, Token], share: Fraction) -> None:
    there, back = direction
    amount_in = max(10_000, int(whirlpool(there, back).capacity * share))
    bought = whirlpool(there, back).swap(amount_in).amount_out
    assume(0 < bought <= whirlpool(back, there).capacity)
    assert whirlpool(back, there).swap(bought).amount_out <= amount_in * KEPT**2 + 1


@given(directions, shares)
def test_the_impact_is_the_distance_from_the_price_before_the_trade(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    pool = whirlpool(*direction)
    amount_in = max(10_000_000, int(pool.capacity * share))
    fill = pool.swap(amount_in)
    price = Fraction(pool.sqrt_price, Q64) ** 2
    spot = price if pool.sells_x else 1 / price
    impact = (1 - fill.amount_out / ((amount_in - fill.fee) * spot)) * 10_000
    assert impact - 1 <= fill.price_impact_bps <= impact + 1


@given(directions)
def test_a_pool_holds_a_share_of_what_its_listing_says(direction: tuple[Token, Token]) -> None:
    x, y = sides(*direction)
    anchor = tick_of(ORCA.sqrt_price(x, y, NOW)) // TICK_SPACING * TICK_SPACING
    middle = Fraction(sqrt_price_at(anchor + TICK_SPACING // 2), Q64)
    held = Fraction(0)
    for found in ranges(x, y, anchor):
        lower, upper = Fraction(found.lower, Q64), min(Fraction(found.upper, Q64), middle)
        held += found.liquidity * max(Fraction(0), upper - lower)
    assert abs(held / (depth(x, y, y) // SHARE) - 1) < Fraction(1, 1000)


def test_liquidity_is_the_sum_of_the_positions_that_span_a_price() -> None:
    found = ranges(token("SOL"), token("USDC"), 0)
    inner = max(found, key=lambda each: each.liquidity)
    assert inner.lower < Q64 < inner.upper
    assert len(found) == 5
    assert found[0].liquidity == found[-1].liquidity < found[1].liquidity == found[-2].liquidity


@pytest.mark.parametrize(("token_in", "token_out"), [("SOL", "USDC"), ("USDC", "SOL"), ("COPE", "USDC")])
def test_an_order_that_leaves_the_positions_is_refused_without_retry(token_in: str, token_out: str) -> None:
    direction = token(token_in), token(token_out)
    pool = whirlpool(*direction)
    ORCA.quote_at(*direction, pool.capacity, NOW)
    with pytest.raises(InsufficientLiquidity, match="more than Orca's positions can fill") as caught:
        ORCA.quote_at(*direction, pool.capacity + 1, NOW)
    assert not caught.value.retryable
    with pytest.raises(InsufficientLiquidity):
        pool.swap(pool.capacity + 1)


def test_a_pool_without_a_range_at_its_price_fills_nothing() -> None:
    nowhere = Whirlpool((Range(Q64 // 4, Q64 // 2, 10**6),), Q64, sells_x=False)
    assert nowhere.capacity == 0
    with pytest.raises(InsufficientLiquidity):
        nowhere.swap(1)


def test_a_pair_trades_in_both_directions_if_one_of_it_is_sol_or_usdc() -> None:
    for token_in in TOKENS:
        for token_out in TOKENS:
            if token_in == token_out:
                continue
            if {*HUBS} & {token_in, token_out}:
                quote = ORCA.quote_at(token_in, token_out, 10 * 10**token_in.decimals, NOW)
                assert (quote.venue, quote.token_in, quote.token_out) == ("orca", token_in, token_out)
                assert 0 <= quote.fee - quote.amount_in * 3 // 1000 <= 2
            else:
                with pytest.raises(InsufficientLiquidity, match="Orca has no pool"):
                    ORCA.quote_at(token_in, token_out, 10 * 10**token_in.decimals, NOW)


def test_an_order_with_no_output_is_refused() -> None:
    with pytest.raises(InsufficientLiquidity, match="less than the smallest unit of USDC"):
        ORCA.quote_at(token("SOL"), token("USDC"), 1, NOW)


def test_both_directions_are_one_pool_and_pools_have_addresses_of_their_own() -> None:
    sol, usdc, ray = token("SOL"), token("USDC"), token("RAY")
    there, back = ORCA.quote_at(sol, usdc, 10**9, NOW), ORCA.quote_at(usdc, sol, 10**9, NOW)
    assert there.pool == back.pool != ORCA.quote_at(sol, ray, 10**9, NOW).pool
    assert 32 <= len(there.pool) <= 44


@given(instants)
def test_settlement_gives_less_than_1_percent_less_than_the_quote(at_ms: int) -> None:
    sol, usdc = token("SOL"), token("USDC")
    quoted = ORCA.quote_at(sol, usdc, 100 * 10**9, at_ms).amount_out
    settled = ORCA.quote_at(sol, usdc, 100 * 10**9, at_ms + 3_000).amount_out
    assert abs(Fraction(settled, quoted) - 1) < Fraction(7, 1000)


@given(directions, shares)
def test_the_marginal_price_says_how_much_is_sold_until_it(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    pool = whirlpool(*direction)
    unit = max(1, pool.capacity // 10**6)
    amount = max(unit, int(pool.capacity * share))
    gain = pool.swap(min(amount + unit, pool.capacity)).amount_out - pool.swap(amount).amount_out
    assume(gain > 1000)
    price = (gain << 128) // unit
    assert abs(pool.sold_until(price) - amount) <= unit * 10**6 // 500 + 10_000
