"""Quotes of every venue at the same time, the choice among them, and whether the order's limits allow it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.account import Account
from ..domain.errors import AttemptFailed, QuoteTimeout, VenueUnavailable
from ..domain.routing import Answers, Quote, best, refusal
from ..domain.terms import Terms
from ..ports.trading import Venue

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quoted:
    """Every venue's answer, the best quote among them, and why an order is not filled by it, if it is not."""

    answers: Answers
    chosen: Quote
    refusal: AttemptFailed | None


class Quoting:
    """Asks the venues, each for at most `timeout` seconds.

    `max_price_impact_bps` is how far an order may move the price that has no limit of its own.
    """

    def __init__(self, venues: Mapping[str, Venue], *, timeout: float, max_price_impact_bps: int) -> None:
        self._venues = venues
        self._timeout = timeout
        self._max_price_impact_bps = max_price_impact_bps

    async def quote(self, account: Account, terms: Terms) -> Quoted:
        """What an order on these terms would be filled at; none is placed. Raises AttemptFailed."""
        return await self.best(terms)

    async def best(self, terms: Terms) -> Quoted:
        """The best quote now, and whether an order on these terms may take it. Raises AttemptFailed."""
        answers = await self.ask(terms)
        chosen = choose(answers)
        return Quoted(answers, chosen, refusal(chosen, terms, self._max_price_impact_bps))

    async def ask(self, terms: Terms) -> Answers:
        """The answer of every venue that the order may trade at, by the venue's name."""
        asked = {
            name: venue
            for name, venue in self._venues.items()
            if terms.venues is None or name in terms.venues
        }
        answers = await asyncio.gather(*(self._ask(venue, terms) for venue in asked.values()))
        return dict(zip(asked, answers, strict=True))

    async def _ask(self, venue: Venue, terms: Terms) -> Quote | AttemptFailed:
        try:
            async with asyncio.timeout(self._timeout):
                return await venue.quote(terms.token_in, terms.token_out, terms.amount_in)
        except AttemptFailed as error:
            return error
        except TimeoutError:
            return QuoteTimeout(f"{venue.name} did not quote in time.")
        except Exception:
            log.exception("quote failed venue=%s", venue.name)
            return VenueUnavailable(f"{venue.name} could not quote.")


def choose(answers: Answers) -> Quote:
    """The best quote. Without any, raises an error with every venue's reason, retryable if one of them is."""
    quotes = [answer for answer in answers.values() if isinstance(answer, Quote)]
    if quotes:
        return best(quotes)
    errors = [answer for answer in answers.values() if isinstance(answer, AttemptFailed)]
    if not errors:  # a venue that an order names may be gone since
        raise VenueUnavailable("None of the venues that the order may trade at is there.")
    error = next((error for error in errors if error.retryable), errors[0])
    raise type(error)(" ".join(dict.fromkeys(map(str, errors)))) from error
