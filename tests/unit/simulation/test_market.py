from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import pytest
from chalicelib.domain.tokens import TOKENS, Token, find_token
from chalicelib.simulation.market import DRIFT_PERIOD_MS, NOISE, NOISE_PERIOD_MS, Market, depth, sides
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_750_000_000_000
SETTLEMENT_MS = 3_000

pairs = st.permutations(TOKENS).map(lambda tokens: sides(tokens[0], tokens[1]))
instants = st.integers(0, 4_000_000_000_000)
markets = st.text(max_size=8).map(Market)
venues = st.sampled_from(sorted(NOISE))


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found
    return found


@given(markets, pairs, instants)
def test_raydium_stays_within_2_percent_of_the_fair_price(
    market: Market, pair: tuple[Token, Token], at: int
) -> None:
    ratio = market.venue_price("raydium", *pair, at) / market.fair_price(*pair, at)
    assert Fraction(98, 100) <= ratio <= Fraction(102, 100)


@given(markets, st.sampled_from(("meteora", "orca")), pairs, instants)
def test_meteora_and_orca_stay_between_3_percent_below_and_2_above_the_fair_price(
    market: Market, venue: str, pair: tuple[Token, Token], at: int
) -> None:
    ratio = market.venue_price(venue, *pair, at) / market.fair_price(*pair, at)
    assert Fraction(97, 100) <= ratio <= Fraction(102, 100)


@pytest.mark.parametrize(
    ("venue", "low", "high"),
    [("raydium", -0.018, 0.018), ("meteora", -0.027, 0.017), ("orca", -0.027, 0.017)],
)
def test_the_noise_uses_its_whole_band(venue: str, low: float, high: float) -> None:
    market, x, y = Market("band"), token("SOL"), token("USDC")
    noise = [
        market.venue_price(venue, x, y, at) / market.fair_price(x, y, at) - 1
        for at in range(NOW, NOW + 300 * NOISE_PERIOD_MS, NOISE_PERIOD_MS // 4)
    ]
    assert min(noise) < low
    assert max(noise) > high


@given(markets, venues, pairs, instants)
def test_a_price_moves_by_less_than_half_a_percent_until_settlement(
    market: Market, venue: str, pair: tuple[Token, Token], at: int
) -> None:
    before = market.venue_price(venue, *pair, at)
    after = market.venue_price(venue, *pair, at + SETTLEMENT_MS)
    assert abs(after / before - 1) < Fraction(4, 1000)


@given(markets, venues, pairs, st.integers(1, 5_000_000))
def test_a_price_does_not_jump_where_a_period_ends(
    market: Market, venue: str, pair: tuple[Token, Token], period: int
) -> None:
    edge = period * DRIFT_PERIOD_MS  # also an edge of the noise
    steps = [market.venue_price(venue, *pair, edge + offset) for offset in (-1, 0, 1)]
    assert all(abs(after / before - 1) < Fraction(1, 100_000) for before, after in pairwise(steps))


def test_prices_move() -> None:
    market, x, y = Market("solana"), token("SOL"), token("USDC")
    assert len({market.fair_price(x, y, NOW + second * 1000) for second in range(60)}) == 60


def test_different_seeds_make_different_markets() -> None:
    prices = {Market(seed).fair_price(token("SOL"), token("USDC"), NOW) for seed in "abcdefgh"}
    assert len(prices) == 8


@given(markets, st.permutations(TOKENS), instants)
def test_fair_prices_leave_no_arbitrage(market: Market, tokens: list[Token], at: int) -> None:
    a, b, c = tokens[:3]
    circle = market.fair_price(a, b, at) * market.fair_price(b, c, at) * market.fair_price(c, a, at)
    assert circle == 1


def test_every_process_has_the_same_market() -> None:
    code = (
        "from chalicelib.domain.tokens import find_token as f\n"
        "from chalicelib.simulation.market import Market\n"
        f"print(Market('solana').venue_price('meteora', f('SOL'), f('BONK'), {NOW}))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert other.stdout.strip() == str(
        Market("solana").venue_price("meteora", token("SOL"), token("BONK"), NOW)
    )


@given(st.permutations(TOKENS))
def test_both_directions_are_one_pool(tokens: list[Token]) -> None:
    assert sides(tokens[0], tokens[1]) == sides(tokens[1], tokens[0])


def test_every_pool_fits_64_bits_and_is_worth_the_same_on_both_sides() -> None:
    for x in TOKENS:
        for y in TOKENS:
            if x != y:
                assert 0 < depth(x, y, x) < 2**63
                assert depth(x, y, x) == depth(y, x, x)


def test_sol_usdc_holds_millions_and_cope_little() -> None:
    sol, usdc, cope = token("SOL"), token("USDC"), token("COPE")
    assert usdc.amount(depth(sol, usdc, usdc)) >= 1_000_000
    assert usdc.amount(depth(cope, usdc, usdc)) <= 100_000
