"""Which venue an order goes to: the one that leaves the trader with the most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .errors import AttemptFailed
from .tokens import Token, price

BPS = 10_000


@dataclass(frozen=True, slots=True)
class Quote:
    """A venue's answer; amounts in base units.

    `amount_out` is what the trader receives: after `fee` (in `token_in`) and after price impact, which is how
    much worse than the pool's price before the trade the fill is, fee left out, in bps and rounded up.
    """

    venue: str
    token_in: Token
    token_out: Token
    amount_in: int
    amount_out: int
    fee: int
    price_impact_bps: int

    @property
    def price(self) -> Decimal:
        """Tokens out per token in."""
        return price(self.token_out, self.amount_out, self.token_in, self.amount_in)


Answers = Mapping[str, Quote | AttemptFailed]
"""Each venue's quote, or why it gave none, by the venue's name."""


@dataclass(frozen=True, slots=True)
class Route:
    """The quote that an order is filled by, chosen among every venue's answer; at least `minimum_out`."""

    quote: Quote
    minimum_out: int
    answers: Answers


def best(quotes: Iterable[Quote]) -> Quote:
    """The quote under which the trader receives the most; of equals, the one that moves the price less."""
    return min(quotes, key=lambda quote: (-quote.amount_out, quote.price_impact_bps, quote.venue))


def minimum_received(amount_out: int, slippage_bps: int) -> int:
    """The least the trader accepts of `amount_out` base units quoted.

    minimum = floor(quoted × (10 000 − slippage) / 10 000)
    """
    return amount_out * (BPS - slippage_bps) // BPS
