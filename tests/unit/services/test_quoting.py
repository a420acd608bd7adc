from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import AttemptFailed, InsufficientLiquidity, QuoteTimeout, VenueUnavailable
from chalicelib.domain.routing import Quote
from chalicelib.services.quoting import Quoting, choose

from tests.fakes import MemoryVenue
from tests.samples import TERMS


def venues() -> tuple[MemoryVenue, MemoryVenue]:
    return MemoryVenue("raydium", 150), MemoryVenue("meteora", 151)


def quoting(*venues: MemoryVenue, timeout: float = 0.02) -> Quoting:
    return Quoting({venue.name: venue for venue in venues}, timeout=timeout, max_price_impact_bps=300)


async def test_both_venues_are_quoted_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    class Simultaneous(MemoryVenue):
        async def quote(self, *arguments: object) -> Quote:  # type: ignore[override]
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
