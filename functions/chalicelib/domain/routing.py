"""Which venue an order goes to: the one that leaves the trader with the most, within the order's limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .curve import BPS as BPS
from .curve import Curve
from .errors import AttemptFailed, BelowMinimumOut, PriceImpactTooHigh
from .terms import OrderType, Terms
from .tokens import Token, price


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
    pool: str = field(default="", compare=False)
    curve: Curve | None = field(default=None, compare=False, repr=False)
    legs: tuple[Quote, ...] = ()

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


def minimum_received(amount_out: int, terms: Terms) -> int:
    """The least the trader accepts of `amount_out` base units quoted.

    minimum = max(floor(quoted × (10 000 − slippage) / 10 000), the order's own floor)

    A limit's is its floor alone: its trader has said what is still good enough.
    """
    if terms.type is OrderType.LIMIT and terms.floor_out is not None:
        return terms.floor_out
    return max(amount_out * (BPS - terms.slippage_bps) // BPS, terms.floor_out or 0)


def refusal(quote: Quote, terms: Terms, max_price_impact_bps: int) -> AttemptFailed | None:
    """Why an order on these terms is not filled by its best quote; None if it is.

    `max_price_impact_bps` is the limit of an order that has none of its own.
    """
    most = max_price_impact_bps if terms.max_price_impact_bps is None else terms.max_price_impact_bps
    if quote.price_impact_bps > most:
        return PriceImpactTooHigh(
            f"The order would move the price at {quote.venue}, its best venue, by "
            f"{quote.price_impact_bps / 100:.2f} %; at most {most / 100:.2f} % is allowed."
        )
    if terms.floor_out is not None and quote.amount_out < terms.floor_out:
        token = terms.token_out
        return BelowMinimumOut(
            f"The best offer, of {quote.venue}, is {token.text(quote.amount_out)} {token.symbol}; "
            f"the order asks for at least {token.text(terms.floor_out)}."
        )
    return None
