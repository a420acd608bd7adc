from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import AttemptFailed, InsufficientLiquidity, QuoteTimeout, VenueUnavailable
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import Terms
from chalicelib.domain.tokens import Token
from chalicelib.services.quoting import Quoting, choose

from tests.fakes import MemoryVenue, PoolVenue
from tests.samples import BONK, COPE, SOL, TERMS, USDC


def venues() -> tuple[MemoryVenue, MemoryVenue]:
    return MemoryVenue("raydium", 150), MemoryVenue("meteora", 151)


def quoting(*venues: MemoryVenue, timeout: float = 0.02) -> Quoting:
    return Quoting({venue.name: venue for venue in venues}, timeout=timeout, max_price_impact_bps=300)


async def test_both_venues_are_quoted_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    class Simultaneous(MemoryVenue):
        async def quote(self, *arguments: object) -> Quote:
            await both.wait()  # passes only once the other is called as well
            return await super().quote(*arguments)  # type: ignore[arg-type]

    answers = await quoting(Simultaneous("raydium"), Simultaneous("meteora"), timeout=2).ask(TERMS)
    assert all(isinstance(answer, Quote) for answer in answers.values())


async def test_a_venue_without_an_answer_times_out_and_the_other_is_chosen() -> None:
    raydium, meteora = venues()
    meteora.script.append(None)
    answers = await quoting(raydium, meteora).ask(TERMS)
    assert isinstance(answers["meteora"], QuoteTimeout)
    assert choose(answers).venue == "raydium"


async def test_an_unexpected_error_of_a_venue_is_unavailable_without_its_reason() -> None:
    raydium, meteora = venues()
    meteora.script.append(KeyError("secret"))
    answers = await quoting(raydium, meteora).ask(TERMS)
    error = answers["meteora"]
    assert isinstance(error, VenueUnavailable)
    assert str(error) == "meteora could not quote."


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([InsufficientLiquidity(), QuoteTimeout()], QuoteTimeout),  # a retry may mend this one
        ([QuoteTimeout(), InsufficientLiquidity()], QuoteTimeout),
        ([VenueUnavailable(), QuoteTimeout()], VenueUnavailable),
        ([InsufficientLiquidity(), InsufficientLiquidity()], InsufficientLiquidity),
    ],
)
async def test_without_a_quote_a_retryable_error_is_raised_first(
    errors: list[AttemptFailed], expected: type[AttemptFailed]
) -> None:
    both = venues()
    for venue, error in zip(both, errors, strict=True):
        venue.always = error
    with pytest.raises(expected):
        choose(await quoting(*both).ask(TERMS))


def terms(sold: Token, bought: Token, amount: int = 10**9) -> Terms:
    return Terms(sold, bought, amount, 100, max_price_impact_bps=10_000)


async def test_a_small_order_asks_each_venue_once_and_is_not_divided() -> None:
    one, other = PoolVenue("one", {(SOL, USDC): 10**13}), PoolVenue("other", {(SOL, USDC): 10**13})
    found = await quoting(one, other).best(terms(SOL, USDC))
    assert found.chosen.legs == ()
    assert (one.quotes_asked, other.quotes_asked) == (1, 1)


async def test_an_order_that_moves_the_pools_is_divided_without_asking_again() -> None:
    one, other = PoolVenue("one", {(SOL, USDC): 2 * 10**11}), PoolVenue("other", {(SOL, USDC): 2 * 10**11})
    found = await quoting(one, other).best(terms(SOL, USDC))
    assert {leg.venue for leg in found.chosen.legs} == {"one", "other"}
    assert (one.quotes_asked, other.quotes_asked) == (1, 1)


async def test_a_pair_without_a_pool_is_traded_through_the_better_hub() -> None:
    one = PoolVenue("one", {(COPE, SOL): 10**12, (COPE, USDC): 10**10})
    other = PoolVenue("other", {(SOL, BONK): 10**12, (USDC, BONK): 10**10})
    found = await quoting(one, other).best(terms(COPE, BONK, 10**6))
    assert all(isinstance(answer, InsufficientLiquidity) for answer in found.answers.values())
    assert [(leg.venue, leg.token_in, leg.token_out) for leg in found.chosen.legs] == [
        ("one", COPE, SOL),
        ("other", SOL, BONK),
    ]
    assert found.refusal is None


async def test_a_thin_pool_is_helped_by_two_hops() -> None:
    one = PoolVenue("one", {(COPE, BONK): 10**10, (COPE, SOL): 10**11, (SOL, BONK): 10**11})
    found = await quoting(one).best(terms(COPE, BONK))
    assert [(leg.token_in, leg.token_out) for leg in found.chosen.legs] == [
        (COPE, BONK),
        (COPE, SOL),
        (SOL, BONK),
    ]
    direct = found.answers["one"]
    assert isinstance(direct, Quote)
    assert found.chosen.amount_out > direct.amount_out


async def test_a_hub_is_no_way_to_itself() -> None:
    one = PoolVenue("one", {(SOL, COPE): 10**10, (USDC, COPE): 10**11, (SOL, USDC): 10**11})
    found = await quoting(one).best(terms(SOL, COPE))
    assert {leg.token_in for leg in found.chosen.legs} == {SOL, USDC}


async def test_a_venue_too_small_for_the_order_takes_a_part() -> None:
    one, other = PoolVenue("one", {(SOL, USDC): 10**10}), PoolVenue("other", {(SOL, USDC): 10**9 // 101})
    found = await quoting(one, other).best(terms(SOL, USDC))
    assert isinstance(found.answers["other"], InsufficientLiquidity)
    assert found.chosen.venue == "one"
    assert other.quotes_asked > 1


async def test_where_a_retry_may_bring_a_quote_no_detour_is_asked_for() -> None:
    one, other = PoolVenue("one", {(COPE, SOL): 10**12, (SOL, BONK): 10**12}), MemoryVenue("other")
    other.always = QuoteTimeout()
    with pytest.raises(QuoteTimeout):
        await quoting(one, other).best(terms(COPE, BONK))
    assert one.quotes_asked == 1


async def test_what_cannot_be_filled_on_any_way_is_refused_with_the_venues_reasons() -> None:
    with pytest.raises(InsufficientLiquidity, match=r"one can't fill it\."):
        await quoting(PoolVenue("one", {(COPE, SOL): 10**12})).best(terms(COPE, BONK))


async def test_a_cancelled_call_cancels_its_quotes() -> None:
    raydium, meteora = venues()
    raydium.script.append(None)
    quotes = asyncio.create_task(quoting(raydium, meteora, timeout=30).ask(TERMS))
    await asyncio.sleep(0)
    quotes.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quotes


async def test_without_a_quote_every_venues_reason_is_given() -> None:
    asked = venues()
    for venue, error in zip(
        asked, (QuoteTimeout("Raydium is late."), VenueUnavailable("Meteora is out.")), strict=True
    ):
        venue.always = error
    with pytest.raises(QuoteTimeout, match=r"Raydium is late\. Meteora is out\."):
        choose(await quoting(*asked).ask(TERMS))
