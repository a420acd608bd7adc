"""An order is filled only within its limits: price impact, slippage, and the least it asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import AttemptFailed, BelowMinimumOut, PriceImpactTooHigh
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import minimum_received, refusal
from chalicelib.domain.terms import Terms
from chalicelib.domain.tokens import TOKENS
from chalicelib.ports.store import NewOrder
from chalicelib.services.execution import Execution, ExecutionLimits
from chalicelib.services.quoting import Quoting
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.raydium import Raydium
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MemoryChain, MemorySigner, MemoryStore, MemoryVenue, announcer
from tests.samples import QUOTE, SOL, USDC

TERMS = Terms(SOL, USDC, 10**9, slippage_bps=100)
ORDER = "11111111-1111-4111-8111-111111111111"
OUT = 151_000_000
NOW = 1_750_000_000_000


def quoting(impact_bps: int = 1, amount_out: int = OUT) -> Quoting:
    venue = MemoryVenue("raydium", amount_out, impact_bps=impact_bps)
    return Quoting({"raydium": venue}, timeout=1, max_price_impact_bps=300)


def test_the_default_limit_of_price_impact_is_a_few_per_cent() -> None:
    assert 100 <= Config().max_price_impact_bps <= 500


@pytest.mark.parametrize("venue", [Raydium, Meteora])
@pytest.mark.parametrize("token", [token for token in TOKENS if token is not USDC], ids=lambda t: t.symbol)
def test_no_size_of_an_order_costs_more_than_the_limits_say(
    venue: type[Raydium] | type[Meteora], token: object
) -> None:
    """Sizes to the last that a pool fills: what passes the default limit is filled near the pool's price."""
    pool, terms = venue(Market("solana")), Terms(token, USDC, 1, 100)  # type: ignore[arg-type]
    small = pool.quote_at(terms.token_in, USDC, 10**terms.token_in.decimals * 1000, NOW)
    for size in (10**power for power in range(12, 19)):
        try:
            quote = pool.quote_at(terms.token_in, USDC, size, NOW)
        except AttemptFailed:
            continue
        if refusal(quote, terms, Config().max_price_impact_bps) is None:
            assert quote.amount_out * small.amount_in >= small.amount_out * size * 95 // 100


@pytest.mark.parametrize(
    ("impact_bps", "own", "refused"),
    [
        (300, None, False),
        (301, None, True),  # by the engine's limit
        (301, 301, False),  # the order's own takes its place, wider
        (51, 50, True),  # and narrower
        (50, 50, False),
        (10_000, 10_000, False),
    ],
)
async def test_an_orders_own_limit_of_price_impact_takes_the_place_of_the_engines(
    impact_bps: int, own: int | None, refused: bool
) -> None:
    terms = replace(TERMS, max_price_impact_bps=own)
    quoted = await quoting(impact_bps).quote(LOCAL, terms)
    assert isinstance(quoted.refusal, PriceImpactTooHigh) is refused


@pytest.mark.parametrize(
    ("floor_out", "refused", "minimum"),
    [
        (None, False, 149_490_000),
        (149_489_999, False, 149_490_000),  # the slippage limit asks for more
        (149_490_001, False, 149_490_001),
        (OUT, False, OUT),
        (OUT + 1, True, OUT + 1),
    ],
)
async def test_a_quote_below_the_orders_floor_is_refused_and_a_fill_below_it_too(
    floor_out: int | None, refused: bool, minimum: int
) -> None:
    terms = replace(TERMS, floor_out=floor_out)
    quoted = await quoting().quote(LOCAL, terms)
    assert isinstance(quoted.refusal, BelowMinimumOut) is refused
    assert minimum_received(quoted.chosen.amount_out, terms) == minimum


@given(st.integers(0, 2**64), st.integers(1, 5000), st.none() | st.integers(1, 2**63))
def test_the_minimum_is_the_larger_of_the_two(amount_out: int, slippage_bps: int, floor: int | None) -> None:
    terms = Terms(SOL, USDC, 10**9, slippage_bps, floor_out=floor)
    least = minimum_received(amount_out, terms)
    assert least >= (floor or 0)
    assert least >= minimum_received(amount_out, replace(terms, floor_out=None))
    if refusal(replace(QUOTE, amount_out=amount_out), terms, 300) is None:
        assert least <= amount_out, "no fill of the quote would be accepted"


@pytest.mark.parametrize(
    ("terms", "impact_bps", "code", "attempts"),
    [
        (replace(TERMS, max_price_impact_bps=10), 11, "PRICE_IMPACT_TOO_HIGH", 1),
        (replace(TERMS, floor_out=OUT + 1), 1, "BELOW_MINIMUM_OUT", 3),  # the price may come back
    ],
)
async def test_nothing_is_signed_for_an_order_beyond_its_limits(
    terms: Terms, impact_bps: int, code: str, attempts: int
) -> None:
    store, signer = MemoryStore(), MemorySigner()
    venues = {"raydium": MemoryVenue("raydium", OUT, impact_bps=impact_bps)}
    execution = Execution(
        store,
        announcer(),
        venues,
        Quoting(venues, timeout=1, max_price_impact_bps=300),
        MemoryChain(),
        signer,
        ExecutionLimits(confirm_timeout=1),
        lambda: 0.0,
    )
    await store.create(NewOrder(ORDER, terms))
    while not store.rows[ORDER].order.is_terminal:
        await execution.process(ORDER)
        await store.pass_time(60)
    order = store.rows[ORDER].order
    assert (order.status, order.code, order.attempt) == (Status.FAILED, code, attempts)
    assert order.signature is None and order.minimum_out is None
