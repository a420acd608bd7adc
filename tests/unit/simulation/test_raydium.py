from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.tokens import TOKENS, Token, find_token
from chalicelib.simulation.market import Market, sides
from chalicelib.simulation.raydium import ConstantProduct, Raydium, swap
from hypothesis import assume, given
from hypothesis import strategies as st

NOW = 1_750_000_000_000
RAYDIUM = Raydium(Market("solana"))

reserves = st.integers(1, 2**63 - 1)
amounts = st.integers(1, 2**63 - 1)
directions = st.permutations(TOKENS).map(lambda tokens: (tokens[0], tokens[1]))


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found
    return found


@pytest.mark.parametrize(
    ("reserve_in", "reserve_out", "amount_in", "amount_out", "fee", "impact"),
    [
        (1_000_000, 1_000_000, 1_000, 996, 3, 10),  # 997 after the fee; 996.006 out; impact 9.96 bps
        (1_000_000, 2_000_000, 100_000, 181_322, 300, 907),  # 99 700 → 181 322.18; impact 906.6 bps
        (10**6, 10**6, 1, 0, 1, 0),  # the fee takes a lone unit
        (100, 100, 10**9, 99, 3_000_000, 10_000),  # a pool is never emptied
    ],
)
def test_a_swap_equals_one_calculated_by_hand(
    reserve_in: int, reserve_out: int, amount_in: int, amount_out: int, fee: int, impact: int
) -> None:
    fill = swap(reserve_in, reserve_out, amount_in)
    assert (fill.amount_out, fill.fee, fill.price_impact_bps) == (amount_out, fee, impact)


@given(reserves, reserves, amounts)
def test_k_never_falls_even_without_the_fee(x: int, y: int, amount_in: int) -> None:
    fill = swap(x, y, amount_in)
    assert (x + amount_in - fill.fee) * (y - fill.amount_out) >= x * y


@given(reserves, reserves, amounts)
def test_a_swap_fits_64_bits_and_never_empties_the_pool(x: int, y: int, amount_in: int) -> None:
    fill = swap(x, y, amount_in)
    assert 0 <= fill.amount_out < y
    assert x + amount_in - fill.fee < 2**64


@given(reserves, reserves, amounts, amounts)
def test_selling_more_gives_no_less_and_has_no_less_impact(x: int, y: int, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert swap(x, y, less).amount_out <= swap(x, y, more).amount_out
    assert swap(x, y, less).price_impact_bps <= swap(x, y, more).price_impact_bps


@given(reserves, reserves, amounts)
def test_the_impact_is_rounded_up(x: int, y: int, amount_in: int) -> None:
    fill = swap(x, y, amount_in)
    sold = amount_in - fill.fee
    exact = Fraction(sold * 10_000, x + sold)
    assert exact <= fill.price_impact_bps < exact + 1


@given(reserves, reserves, amounts)
def test_selling_back_into_the_changed_pool_loses_money(x: int, y: int, amount_in: int) -> None:
    bought = swap(x, y, amount_in).amount_out
    assume(bought > 0)
    assert swap(y - bought, x + amount_in, bought).amount_out < amount_in


@given(directions, st.integers(1, 10**15))
def test_a_round_trip_at_one_instant_loses_the_fee(direction: tuple[Token, Token], amount_in: int) -> None:
    there, back = direction
    try:
        bought = RAYDIUM.quote_at(there, back, amount_in, NOW).amount_out
        returned = RAYDIUM.quote_at(back, there, bought, NOW).amount_out
    except InsufficientLiquidity:
        return
    assert returned <= amount_in * Fraction(997, 1000) ** 2 + 1


@given(directions, st.integers(0, 4_000_000_000_000))
def test_the_pool_holds_the_markets_price(direction: tuple[Token, Token], at_ms: int) -> None:
    x, y = sides(*direction)
    reserve_x, reserve_y = RAYDIUM.reserves(x, y, at_ms)
    price = Market("solana").venue_price("raydium", x, y, at_ms)
    assert abs(Fraction(reserve_y, reserve_x) / price - 1) < Fraction(1, 10**6)


def test_every_pair_trades_in_both_directions() -> None:
    for token_in in TOKENS:
        for token_out in TOKENS:
            if token_in != token_out:
                quote = RAYDIUM.quote_at(token_in, token_out, 10 * 10**token_in.decimals, NOW)
                assert (quote.venue, quote.token_in, quote.token_out) == ("raydium", token_in, token_out)
                assert quote.amount_out > 0


def test_a_large_order_moves_a_thin_pool_and_not_a_deep_one() -> None:
    sol, usdc, cope = token("SOL"), token("USDC"), token("COPE")
    assert RAYDIUM.quote_at(usdc, sol, 10_000 * 10**6, NOW).price_impact_bps < 20
    assert RAYDIUM.quote_at(usdc, cope, 10_000 * 10**6, NOW).price_impact_bps > 1000


def test_the_fee_is_30_bps_of_the_input() -> None:
    quote = RAYDIUM.quote_at(token("SOL"), token("USDC"), 10**9, NOW)
    assert token("SOL").amount(quote.fee) == Decimal("0.003")


def test_an_order_with_no_output_is_refused() -> None:
    with pytest.raises(InsufficientLiquidity, match="less than the smallest unit of USDC"):
        RAYDIUM.quote_at(token("SOL"), token("USDC"), 2, NOW)


@given(reserves, reserves, amounts)
def test_what_is_sold_until_a_price_is_where_the_next_base_unit_gives_that_much(
    x: int, y: int, amount_in: int
) -> None:
    curve = ConstantProduct(x, y)
    kept = Fraction(997, 1000)
    price = kept * x * y / (x + kept * amount_in) ** 2  # the derivative of y·γa / (x + γa)
    assume(price > Fraction(1, 2**64))
    found = curve.sold_until(int(price * 2**128))
    assert amount_in - 2 <= found <= amount_in + 2 + amount_in // 2**30
    assert curve.sold_until(2**192) == 0
