from __future__ import annotations

from fractions import Fraction

import pytest
from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.tokens import TOKENS, Token, find_token
from chalicelib.simulation.market import Market, sides
from chalicelib.simulation.meteora import BINS, Bins, Meteora, bin_price, drained, pool
from hypothesis import given
from hypothesis import strategies as st
from meteora_dlmm import quote as walk

NOW = 1_750_000_000_000
MARKET = Market("solana")
METEORA = Meteora(MARKET)
STEP = Fraction(1001, 1000)
FEE = Fraction(2, 1000)

directions = st.permutations(TOKENS).map(lambda tokens: (tokens[0], tokens[1]))
shares = st.fractions(Fraction(1, 1000), Fraction(99, 100))  # of all that a pool can take
instants = st.integers(0, 4_000_000_000_000)


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found
    return found


def active_price(x: Token, y: Token) -> Fraction:
    return Fraction(bin_price(METEORA.active_bin(x, y, NOW)), 2**64)


def capacity(token_in: Token, token_out: Token) -> int:
    """About how much of `token_in` drains the pool, worked out without the walk."""
    x, y = sides(token_in, token_out)
    bins = pool(x, y, METEORA.active_bin(x, y, NOW)).bins.values()
    if token_in == x:
        worth = sum(item.amount_y / Fraction(item.price_x64, 2**64) for item in bins)
    else:
        worth = sum(item.amount_x * Fraction(item.price_x64, 2**64) for item in bins)
    return int(worth / (1 - FEE))


def exact_out(token_in: Token, token_out: Token, amount_in: int) -> Fraction:
    """What the bins give for an order, in exact fractions: fee off the input, then bin after bin."""
    x, y = sides(token_in, token_out)
    active_id = METEORA.active_bin(x, y, NOW)
    bins = pool(x, y, active_id).bins
    left, out = amount_in * (1 - FEE), Fraction(0)
    for distance in range(BINS + 1):
        item = bins[active_id - distance if token_in == x else active_id + distance]
        price = Fraction(item.price_x64, 2**64)
        rate, holds = (price, item.amount_y) if token_in == x else (1 / price, item.amount_x)
        used = min(left, holds / rate)
        left, out = left - used, out + used * rate
    assert left == 0
    return out


@given(directions, shares)
def test_the_walk_agrees_with_exact_fractions_and_rounds_against_the_trader(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    amount_in = max(10_000, int(capacity(*direction) * share))
    exact = exact_out(*direction, amount_in)
    found = METEORA.quote_at(*direction, amount_in, NOW).amount_out
    x, y = sides(*direction)
    unit = active_price(x, y) if direction[0] == x else 1 / active_price(x, y)
    assert exact - 2 * BINS * (unit + 1) <= found <= exact


@given(st.integers(-40_000, 40_000))
def test_a_bins_price_is_a_power_of_the_step(bin_id: int) -> None:
    exact = STEP**bin_id
    coarse = Fraction(1, 2**60) * max(exact, 1 / exact)  # the program multiplies prices below 1, in 64 bits
    assert abs(Fraction(bin_price(bin_id), 2**64) / exact - 1) < Fraction(1, 10**6) + coarse


@given(directions, instants)
def test_the_active_bin_is_the_one_nearest_the_markets_price(
    direction: tuple[Token, Token], at_ms: int
) -> None:
    x, y = sides(*direction)
    price = MARKET.venue_price("meteora", x, y, at_ms)
    found = Fraction(bin_price(METEORA.active_bin(x, y, at_ms)), 2**64)
    assert abs(found / price - 1) < Fraction(6, 10_000)  # half a bin step, and a little


@given(directions, shares, shares)
def test_selling_more_gives_more_and_has_no_less_impact(
    direction: tuple[Token, Token], one: Fraction, other: Fraction
) -> None:
    less, more = sorted((one, other))
    total = capacity(*direction)
    small = METEORA.quote_at(*direction, max(10_000, int(total * less)), NOW)
    large = METEORA.quote_at(*direction, max(10_000, int(total * more)), NOW)
    assert small.amount_out <= large.amount_out
    assert small.price_impact_bps <= large.price_impact_bps


@given(directions, shares)
def test_a_round_trip_at_one_instant_loses_the_fee(direction: tuple[Token, Token], share: Fraction) -> None:
    there, back = direction
    amount_in = max(10_000, int(capacity(there, back) * share))
    bought = METEORA.quote_at(there, back, amount_in, NOW).amount_out
    assert METEORA.quote_at(back, there, bought, NOW).amount_out < amount_in


@given(directions)
def test_a_swap_within_the_active_bin_has_no_impact(direction: tuple[Token, Token]) -> None:
    quote = METEORA.quote_at(*direction, max(10_000, capacity(*direction) // 1000), NOW)
    assert quote.price_impact_bps == 0


@given(directions, shares)
def test_the_impact_is_the_distance_from_the_active_bins_price(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    amount_in = max(10_000, int(capacity(*direction) * share))
    quote = METEORA.quote_at(*direction, amount_in, NOW)
    x, y = sides(*direction)
    spot = active_price(x, y) if direction[0] == x else 1 / active_price(x, y)
    impact = (1 - quote.amount_out / ((amount_in - quote.fee) * spot)) * 10_000
    assert impact <= quote.price_impact_bps + 1
    assert quote.price_impact_bps <= impact + 1
    assert quote.price_impact_bps <= BINS * 10  # the outermost bin lies no further


@pytest.mark.parametrize(("token_in", "token_out"), [("SOL", "USDC"), ("USDC", "SOL"), ("COPE", "FIDA")])
def test_an_order_larger_than_all_bins_is_refused_without_retry(token_in: str, token_out: str) -> None:
    direction = token(token_in), token(token_out)
    total = capacity(*direction)
    METEORA.quote_at(*direction, total * 999 // 1000, NOW)
    with pytest.raises(InsufficientLiquidity, match="would be left over") as caught:
        METEORA.quote_at(*direction, total * 1001 // 1000, NOW)
    assert not caught.value.retryable


def test_the_largest_order_is_refused_without_an_overflow() -> None:
    for token_in in TOKENS:
        for token_out in TOKENS:
            if token_in != token_out:
                with pytest.raises(InsufficientLiquidity):
                    METEORA.quote_at(token_in, token_out, 2**63 - 1, NOW)


def test_an_order_with_no_output_is_refused() -> None:
    with pytest.raises(InsufficientLiquidity, match="less than the smallest unit of USDC"):
        METEORA.quote_at(token("SOL"), token("USDC"), 1, NOW)


def test_every_pair_trades_in_both_directions() -> None:
    for token_in in TOKENS:
        for token_out in TOKENS:
            if token_in != token_out:
                quote = METEORA.quote_at(token_in, token_out, 10 * 10**token_in.decimals, NOW)
                assert (quote.venue, quote.token_in, quote.token_out) == ("meteora", token_in, token_out)
                assert quote.fee == -(-quote.amount_in * 2 // 1000)


def test_a_quote_does_not_change_the_pool() -> None:
    sol, usdc = token("SOL"), token("USDC")
    first = METEORA.quote_at(sol, usdc, 1000 * 10**9, NOW)
    assert METEORA.quote_at(sol, usdc, 1000 * 10**9, NOW) == first


@given(instants)
def test_settlement_gives_less_than_1_percent_less_than_the_quote(at_ms: int) -> None:
    sol, usdc = token("SOL"), token("USDC")
    quoted = METEORA.quote_at(sol, usdc, 100 * 10**9, at_ms).amount_out
    settled = METEORA.quote_at(sol, usdc, 100 * 10**9, at_ms + 3_000).amount_out
    assert abs(Fraction(settled, quoted) - 1) < Fraction(7, 1000)


@given(directions, shares)
def test_a_walk_that_skips_the_drained_bins_equals_the_programs(
    direction: tuple[Token, Token], share: Fraction
) -> None:
    x, y = sides(*direction)
    curve = METEORA.quote_at(*direction, 10 ** direction[0].decimals, NOW).curve
    assert isinstance(curve, Bins)
    edges = drained(x, y, curve.active_id, curve.sells_x).sold
    edge = edges[int(len(edges) * share)]
    for amount_in in (int(curve.capacity * share), edge - 1, edge, min(edge + 1, curve.capacity)):
        whole = walk(pool(x, y, curve.active_id), amount_in, curve.sells_x, timestamp=0)
        assert whole.remaining_in == 0
        assert curve.swap(amount_in).amount_out == whole.amount_out


@given(directions)
def test_a_pools_capacity_is_what_drains_it(direction: tuple[Token, Token]) -> None:
    curve = METEORA.quote_at(*direction, 10 ** direction[0].decimals, NOW).curve
    assert curve is not None
    assert abs(curve.capacity - capacity(*direction)) <= 3 * BINS
    curve.swap(curve.capacity)
    with pytest.raises(InsufficientLiquidity):
        curve.swap(curve.capacity + 1)


@given(directions, shares)
def test_all_bins_that_pay_a_price_are_sold_until_it(direction: tuple[Token, Token], share: Fraction) -> None:
    x, y = sides(*direction)
    curve = METEORA.quote_at(*direction, 10 ** direction[0].decimals, NOW).curve
    assert isinstance(curve, Bins)
    bins = drained(x, y, curve.active_id, curve.sells_x)
    number = int(len(bins.sold) * share)
    assert curve.sold_until(-bins.prices[number]) == bins.sold[number]
    assert curve.sold_until(-bins.prices[number] + 1) == (bins.sold[number - 1] if number else 0)
    assert curve.sold_until(-bins.prices[0] + 1) == 0
