"""A simulated venue: a DEX's pool arithmetic behind a network's latency and faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Protocol

from ..domain.errors import QuoteTimeout, VenueUnavailable
from ..domain.routing import Quote
from ..domain.tokens import Token
from ..ports.trading import Swap, Venue
from .fault_rules import Kind
from .faults import Faults
from .market import Market, sides

if TYPE_CHECKING:
    from .launchpad import Launchpad

QUOTE_SECONDS = (0.2, 0.3)
TIMEOUT_SECONDS = 1.0
"""How long a quote that times out is waited for, before latency is scaled."""

Clock = Callable[[], float]
"""Unix seconds."""


class Dex(Protocol):
    """A venue's pools as a pure function of time."""

    name: str

    def quote_at(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> Quote:
        """What selling `amount_in` base units gives at `at_ms` (unix). Raises InsufficientLiquidity."""


class SimulatedVenue(Venue):
    """Quotes `dex` as it is by the time the answer leaves; `latency` scales every wait, 0 leaves them out."""

    def __init__(
        self,
        dex: Dex,
        market: Market,
        *,
        clock: Clock,
        faults: Faults,
        latency: float,
        random: Random,
        launchpad: Launchpad | None = None,
    ) -> None:
        self.name = dex.name
        self._dex = dex
        self._market = market
        self._clock = clock
        self._faults = faults
        self._latency = latency
        self._random = random
        self._launchpad = launchpad

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        """Raises an AttemptFailed, and TemporarilyUnavailable while launches can't be read."""
        subject = f"{self.name} {token_in.symbol}/{token_out.symbol} {amount_in}"
        if await self._faults.strike(Kind.QUOTE_TIMEOUT, self.name, token_in, token_out, subject):
            await self._wait(TIMEOUT_SECONDS)
            raise QuoteTimeout(f"{self.name.capitalize()} did not answer in time with a quote.")
        await self._wait(self._random.uniform(*QUOTE_SECONDS))
        if await self._faults.strike(Kind.QUOTE_ERROR, self.name, token_in, token_out, subject):
            raise VenueUnavailable(f"{self.name.capitalize()} could not give a quote.")
        if self._launchpad is not None and (token_in.is_launched or token_out.is_launched):
            await self._launchpad.know((token_in.mint, token_out.mint))
        return self._dex.quote_at(token_in, token_out, amount_in, int(self._clock() * 1000))

    async def build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        """The swap that fills `quote`; nothing is fetched for it, and the wallet puts the memo in."""
        return Swap(self.name, quote.token_in, quote.token_out, quote.amount_in, minimum_out)

    async def recent_prices(
        self, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> list[Decimal]:
        """Its pool's, by a feed that is there already: nothing is waited for. It has no new tokens."""
        if token_in.is_launched or token_out.is_launched:
            return []
        x, y = sides(token_in, token_out)
        now_ms = int(self._clock() * 1000)
        instants = (now_ms - nth * every_ms for nth in reversed(range(count)))
        prices = [self._market.venue_price(self.name, x, y, at_ms) for at_ms in instants]
        return [
            Decimal(price.numerator) / price.denominator
            if x == token_in
            else Decimal(price.denominator) / price.numerator
            for price in prices
        ]

    async def _wait(self, seconds: float) -> None:
        if self._latency:
            await asyncio.sleep(seconds * self._latency)
