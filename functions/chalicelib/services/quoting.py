"""Quotes of every venue at the same time, the best route among them, and whether the order's limits allow it.

Where the best of them moves the price far, or none can fill the order, more is asked: each venue that refused
the whole order for a part of it, and all of them for the two hops through each hub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ..domain.account import Account
from ..domain.errors import AttemptFailed, InsufficientLiquidity, QuoteTimeout, VenueUnavailable
from ..domain.routing import (
    HOPS_FROM_BPS,
    Answers,
    Path,
    Quote,
    best,
    best_route,
    best_single,
    legs_of,
    refusal,
)
from ..domain.terms import DEFAULT_SLIPPAGE_BPS, Terms
from ..domain.tokens import HUBS, Token
from ..ports import tracing
from ..ports.trading import PricedVenue, Venue

log = logging.getLogger(__name__)

PART = 8
"""A venue that can't take a whole order is asked for this fraction of it: any amount shows its curve."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Every venue's answer, the best route, and why an order is not filled by it, if it is not.

    `slippage_bps` is what the order allows; None if it was not asked for.
    """

    answers: Answers
    chosen: Quote
    refusal: AttemptFailed | None
    slippage_bps: int | None = None


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
        quoted = await self.best(terms)
        return replace(quoted, slippage_bps=await self.slippage_bps(terms, quoted.chosen))

    async def best(self, terms: Terms) -> Quoted:
        """The best route now, and whether an order on these terms may take it. Raises AttemptFailed."""
        answers, paths = await self.offers(terms)
        chosen = best_route(paths, terms.amount_in) or choose(answers)
        return Quoted(answers, chosen, refusal(chosen, terms, self._max_price_impact_bps))

    async def offers(self, terms: Terms, *, hops_from_bps: int = HOPS_FROM_BPS) -> tuple[Answers, list[Path]]:
        """Every venue's answer, and the paths on which the order, or a part of it, may go."""
        answers = await self.ask(terms)
        paths: list[Path] = [(quote,) for quote in _quotes(answers)]
        if _is_thin(answers, hops_from_bps):
            paths += await self._ask_further(terms, answers)
        return answers, paths

    async def slippage_bps(self, terms: Terms, chosen: Quote) -> int:
        """The slippage that the order allows on this route: what it says, or what the route's prices do.

        Of venues that trade one pair the prices that move most count; the changes of two hops are added up.
        Where no venue knows its prices, it is what an order has that says nothing.
        """
        if not terms.slippage_is_auto:
            return terms.slippage_bps
        from ..domain import volatility  # only here: most orders do without

        legs = legs_of(chosen)
        found = await asyncio.gather(*(self._volatility_ppm(leg) for leg in legs))
        most: dict[tuple[Token, Token], int] = {}
        for leg, sigma in zip(legs, found, strict=True):
            if sigma is not None:
                pair = leg.token_in, leg.token_out
                most[pair] = max(sigma, most.get(pair, 0))
        if len(most) < len({(leg.token_in, leg.token_out) for leg in legs}):
            return min(DEFAULT_SLIPPAGE_BPS, terms.slippage_bps)
        return volatility.slippage_bps(sum(most.values()), terms.slippage_bps)

    async def prices(
        self, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> dict[str, Sequence[Decimal] | AttemptFailed]:
        """Every venue's prices at the last `count` instants, oldest first, or why it gives none.

        In tokens of `token_out` for one of `token_in`.
        """
        found = await asyncio.gather(
            *(
                self._prices(venue, token_in, token_out, every_ms=every_ms, count=count)
                for venue in self._venues.values()
            )
        )
        return dict(zip(self._venues, found, strict=True))

    async def _prices(
        self, venue: Venue, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> Sequence[Decimal] | AttemptFailed:
        if not isinstance(venue, PricedVenue):
            return VenueUnavailable(f"{venue.name} does not say what its prices were.")
        try:
            async with asyncio.timeout(self._timeout):
                found = await venue.recent_prices(token_in, token_out, every_ms=every_ms, count=count)
        except AttemptFailed as error:
            return error
        except TimeoutError:
            return QuoteTimeout(f"{venue.name} did not answer in time.")
        return [price.scaleb(token_in.decimals - token_out.decimals) for price in found]

    async def _volatility_ppm(self, leg: Quote) -> int | None:
        """How far the leg's price moves while a swap is on its way; None if its venue can't say."""
        from ..domain.volatility import CHANGES, SWAP_MS, volatility_ppm

        venue = self._venues[leg.venue]
        if not isinstance(venue, PricedVenue):
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return volatility_ppm(
                    await venue.recent_prices(
                        leg.token_in, leg.token_out, every_ms=SWAP_MS, count=CHANGES + 1
                    )
                )
        except (AttemptFailed, TimeoutError):
            return None
        except Exception:
            log.exception("recent prices failed venue=%s", venue.name)
            return None

    async def ask(self, terms: Terms) -> Answers:
        """The answer of every venue that the order may trade at, by the venue's name."""
        return await self._ask_every(self._allowed(terms), terms.token_in, terms.token_out, terms.amount_in)

    def _allowed(self, terms: Terms) -> list[str]:
        """The names of the venues that the order may trade at."""
        return [name for name in self._venues if terms.venues is None or name in terms.venues]

    async def _ask_further(self, terms: Terms, answers: Answers) -> list[Path]:
        """Ways on which a part of the order may go: pools too small for all of it, and the best two hops."""
        refusing = [name for name, found in answers.items() if isinstance(found, InsufficientLiquidity)]
        part = terms.amount_in // PART or 1
        hubs = [hub for hub in HUBS if hub not in (terms.token_in, terms.token_out)]
        direct, hops = await asyncio.gather(
            self._ask_every(refusing, terms.token_in, terms.token_out, part),
            asyncio.gather(*(self._two_hops(hub, terms) for hub in hubs)),
        )
        through = max((path for path in hops if path), key=lambda path: path[-1].amount_out, default=())
        return [*((quote,) for quote in _quotes(direct)), *([through] if through else [])]

    async def _two_hops(self, hub: Token, terms: Terms) -> Path:
        """The best venue to the hub, and from there with what it gives; empty if one is missing.

        A venue without a curve fills whole orders alone, as one that makes its own transaction must.
        """
        venues = self._allowed(terms)
        first = best_single(await self._ask_every(venues, terms.token_in, hub, terms.amount_in))
        if first is None or first.curve is None:
            return ()
        second = best_single(await self._ask_every(venues, hub, terms.token_out, first.amount_out))
        return () if second is None or second.curve is None else (first, second)

    async def _ask_every(
        self, names: Iterable[str], token_in: Token, token_out: Token, amount_in: int
    ) -> Answers:
        names = list(names)
        asked = (self._ask(self._venues[name], token_in, token_out, amount_in) for name in names)
        return dict(zip(names, await asyncio.gather(*asked), strict=True))

    async def _ask(
        self, venue: Venue, token_in: Token, token_out: Token, amount_in: int
    ) -> Quote | AttemptFailed:
        try:
            with tracing.span("quote", venue=venue.name):
                async with asyncio.timeout(self._timeout):
                    return await venue.quote(token_in, token_out, amount_in)
        except AttemptFailed as error:
            return error
        except TimeoutError:
            return QuoteTimeout(f"{venue.name} did not quote in time.")
        except Exception:
            log.exception("quote failed venue=%s", venue.name)
            return VenueUnavailable(f"{venue.name} could not quote.")


def choose(answers: Answers) -> Quote:
    """The best quote. Without any, raises an error with every venue's reason, retryable if one of them is."""
    if quotes := _quotes(answers):
        return best(quotes)
    errors = [answer for answer in answers.values() if isinstance(answer, AttemptFailed)]
    if not errors:  # a venue that an order names may be gone since
        raise VenueUnavailable("None of the venues that the order may trade at is there.")
    error = next((error for error in errors if error.retryable), errors[0])
    raise type(error)(" ".join(dict.fromkeys(map(str, errors)))) from error


def _quotes(answers: Answers) -> list[Quote]:
    return [answer for answer in answers.values() if isinstance(answer, Quote)]


def _is_thin(answers: Answers, from_bps: int) -> bool:
    """Whether the best pool moves by that much, or every venue says that its pool can't fill the order."""
    quote = best_single(answers)
    if quote is None:
        return all(isinstance(answer, InsufficientLiquidity) for answer in answers.values())
    return quote.price_impact_bps >= from_bps
