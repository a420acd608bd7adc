"""The slippage of an order that leaves it to the engine: by the prices of the venues on its route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import VenueUnavailable
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import Terms
from chalicelib.domain.tokens import Token, find_token
from chalicelib.domain.volatility import CHANGES, SWAP_MS
from chalicelib.services.quoting import Quoting
from chalicelib.simulation.fault_rules import parse
from chalicelib.simulation.faults import Faults
from chalicelib.simulation.market import Market
from chalicelib.simulation.raydium import Raydium
from chalicelib.simulation.venue import SimulatedVenue

from tests.fakes import MemoryVenue
from tests.samples import BONK, SOL, TERMS, USDC

AUTO = replace(TERMS, slippage_bps=300, slippage_is_auto=True)
CALM, WILD = "0.01", "0.4"  # per cent from one price to the next


class Priced(MemoryVenue):
    """A venue whose prices move by so much, or which fails to say."""

    def __init__(self, name: str, moves: str | Exception | None, amount_out: int = 151_000_000) -> None:
        super().__init__(name, amount_out)
        self.moves = moves

    async def recent_prices(
        self, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> Sequence[Decimal]:
        assert (every_ms, count) == (SWAP_MS, CHANGES + 1)
        if isinstance(self.moves, Exception):
            raise self.moves
        step = 1 + Decimal(self.moves or 0) / 100
        return [step**nth for nth in range(count)] if self.moves else []


def quoting(*venues: MemoryVenue) -> Quoting:
    return Quoting({venue.name: venue for venue in venues}, timeout=1, max_price_impact_bps=300)


def leg(venue: str, token_in: Token = SOL, token_out: Token = USDC) -> Quote:
    return Quote(venue, token_in, token_out, 10**9, 151_000_000, 30, 1)


@pytest.mark.parametrize(("moves", "bps"), [(CALM, 13), (WILD, 130), ("5", 300)])
async def test_it_is_what_the_best_venues_price_moves_up_to_the_limit(moves: str, bps: int) -> None:
    best, other = Priced("raydium", moves), Priced("meteora", "1", amount_out=1)
    quoted = await quoting(best, other).quote(LOCAL, AUTO)
    assert quoted.slippage_bps == bps


async def test_a_number_that_the_client_says_stays() -> None:
    assert (await quoting(Priced("raydium", WILD)).quote(LOCAL, TERMS)).slippage_bps == 100


@pytest.mark.parametrize("moves", [None, VenueUnavailable(), TimeoutError(), KeyError("x")])
async def test_where_prices_are_not_known_it_is_the_usual_one(moves: Exception | None) -> None:
    assert (await quoting(Priced("raydium", moves)).quote(LOCAL, AUTO)).slippage_bps == 100
    assert (await quoting(MemoryVenue("raydium")).quote(LOCAL, AUTO)).slippage_bps == 100
    narrow = replace(AUTO, slippage_bps=50)
    assert (await quoting(MemoryVenue("raydium")).quote(LOCAL, narrow)).slippage_bps == 50


async def test_a_divided_route_counts_its_most_volatile_venue_and_two_hops_both() -> None:
    asking = quoting(Priced("calm", CALM), Priced("wild", WILD), MemoryVenue("mute"))
    one_pair = replace(leg("calm"), legs=(leg("calm"), leg("wild"), leg("mute")))
    assert await asking.slippage_bps(AUTO, one_pair) == 130
    hops = replace(leg("calm"), legs=(leg("calm", BONK, SOL), leg("wild", SOL, USDC)))
    assert await asking.slippage_bps(AUTO, hops) == 133
    half_known = replace(leg("calm"), legs=(leg("calm", BONK, SOL), leg("mute", SOL, USDC)))
    assert await asking.slippage_bps(AUTO, half_known) == 100


@pytest.mark.parametrize("pair", [("SOL", "USDC"), ("USDC", "SOL"), ("BONK", "JUP")])
async def test_the_simulated_market_stays_within_it(pair: tuple[str, str]) -> None:
    """The price at any time is within the slippage chosen three seconds before."""
    now_ms, market = [0], Market("solana")
    faults = Faults(parse(""), _never, Random(1))
    dex = Raydium(market)
    venue = SimulatedVenue(
        dex, market, clock=lambda: now_ms[0] / 1000, faults=faults, latency=0, random=Random(1)
    )
    token_in, token_out = (token for name in pair if (token := find_token(name)))
    terms = Terms(token_in, token_out, 10**token_in.decimals * 1000, 300, slippage_is_auto=True)
    kept = 0
    for minute in range(200):
        now_ms[0] = 1_750_000_000_000 + minute * 61_000
        quoted = await quoting_of(venue).quote(LOCAL, terms)
        assert quoted.slippage_bps is not None and 10 < quoted.slippage_bps <= 100
        later = dex.quote_at(token_in, token_out, terms.amount_in, now_ms[0] + 3000)
        kept += later.amount_out * 10_000 >= quoted.chosen.amount_out * (10_000 - quoted.slippage_bps)
    assert kept >= 198


def quoting_of(venue: SimulatedVenue) -> Quoting:
    return Quoting({venue.name: venue}, timeout=1, max_price_impact_bps=300)


async def _never(rule: str, subject: str, occasion: str | None) -> int:
    raise AssertionError
