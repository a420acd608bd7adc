from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import AttemptFailed, InsufficientLiquidity, QuoteTimeout, VenueUnavailable
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import Terms
from chalicelib.services.quoting import Quoting, choose

from tests.fakes import MemoryVenue
from tests.samples import SOL, USDC

TERMS = Terms(SOL, USDC, 10**9, 100)


def venues() -> tuple[MemoryVenue, MemoryVenue]:
    return MemoryVenue("raydium", 150), MemoryVenue("meteora", 151)


def quoting(*asked: MemoryVenue, timeout: float = 0.02) -> Quoting:
    return Quoting({venue.name: venue for venue in asked}, timeout=timeout)


async def test_both_venues_are_asked_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    class Meets(MemoryVenue):
        async def quote(self, *asked: object) -> Quote:  # type: ignore[override]
            await both.wait()  # passes only if the other is asked meanwhile
            return await super().quote(*asked)  # type: ignore[arg-type]

    answers = await quoting(Meets("raydium"), Meets("meteora"), timeout=2).ask(TERMS)
    assert all(isinstance(answer, Quote) for answer in answers.values())


async def test_a_venue_that_does_not_answer_is_not_waited_for_and_the_other_counts() -> None:
    raydium, meteora = venues()
    meteora.script.append(None)
    answers = await quoting(raydium, meteora).ask(TERMS)
    assert isinstance(answers["meteora"], QuoteTimeout)
    assert choose(answers).venue == "raydium"


async def test_a_venue_that_breaks_is_unavailable_and_its_reason_stays_with_us() -> None:
    raydium, meteora = venues()
    meteora.script.append(KeyError("secret"))
    answers = await quoting(raydium, meteora).ask(TERMS)
    error = answers["meteora"]
    assert isinstance(error, VenueUnavailable)
    assert str(error) == "meteora could not quote."


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([InsufficientLiquidity(), QuoteTimeout()], QuoteTimeout),  # the one a retry may mend
        ([QuoteTimeout(), InsufficientLiquidity()], QuoteTimeout),
        ([VenueUnavailable(), QuoteTimeout()], VenueUnavailable),
        ([InsufficientLiquidity(), InsufficientLiquidity()], InsufficientLiquidity),
    ],
)
async def test_without_a_quote_the_error_with_the_most_hope_is_raised(
    errors: list[AttemptFailed], expected: type[AttemptFailed]
) -> None:
    asked = venues()
    for venue, error in zip(asked, errors, strict=True):
        venue.always = error
    with pytest.raises(expected):
        choose(await quoting(*asked).ask(TERMS))


async def test_who_gives_up_waiting_ends_the_questions_too() -> None:
    raydium, meteora = venues()
    raydium.script.append(None)
    question = asyncio.create_task(quoting(raydium, meteora, timeout=30).ask(TERMS))
    await asyncio.sleep(0)
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
