"""Quotes of every venue at the same time, and the choice among them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ..domain.errors import AttemptFailed, QuoteTimeout, VenueUnavailable
from ..domain.order import Terms
from ..domain.routing import Quote, best
from ..ports.trading import Venue

log = logging.getLogger(__name__)

Answers = Mapping[str, Quote | AttemptFailed]


class Quoting:
    """`await quoting.ask(terms)`: each venue's quote, or why there is none, within `timeout` seconds."""

    def __init__(self, venues: Mapping[str, Venue], *, timeout: float) -> None:
        self._venues = venues
        self._timeout = timeout

    async def ask(self, terms: Terms) -> Answers:
        """Every venue's answer by the venue's name."""
        answers = await asyncio.gather(*(self._ask(venue, terms) for venue in self._venues.values()))
        return dict(zip(self._venues, answers, strict=True))

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
    """The best quote. Without any, raises one of the venues' errors, a retryable one if there is one."""
    quotes = [answer for answer in answers.values() if isinstance(answer, Quote)]
    if quotes:
        return best(quotes)
    errors = [answer for answer in answers.values() if isinstance(answer, AttemptFailed)]
    raise next((error for error in errors if error.retryable), errors[0])


def quotes_to_wire(answers: Answers) -> dict[str, object]:
    """The answers as a client gets them, by venue."""
    return {name: answer.to_wire() for name, answer in answers.items()}
