"""The terms of an order: what is sold for what, how much, and what the trader does not accept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from .tokens import EXACT, Token, find_token, price

MAX_BASE_UNITS = 2**63 - 1
"""The most an order may sell: what a signed 64-bit amount, and so every pool, can hold."""
DEFAULT_SLIPPAGE_BPS = 100
AUTO_SLIPPAGE = "auto"
"""What a client says in place of a number, to leave its slippage to the engine."""
MAX_SLIPPAGE_BPS = 5000
MAX_PRICE_IMPACT_BPS = 10_000
MAX_KEY_LENGTH = 64
"""The longest idempotency key, in characters."""


MAX_PRICE_DIGITS = 38
"""The most significant digits of a price: with an amount's they are within what `EXACT` holds."""
MAX_LIFETIME = timedelta(days=365)
"""How far ahead an order may expire."""
MAX_LIFETIME_MS = int(MAX_LIFETIME / timedelta(milliseconds=1))


class OrderType(StrEnum):
    """When an order is executed."""

    MARKET = "market"  # now
    LIMIT = "limit"  # when its size gets `price` or more
    STOP = "stop"  # when its size gets `price` or less
    SNIPER = "sniper"  # when a pool of a new token opens, and its size costs `price` or less


@dataclass(frozen=True, slots=True)
class Terms:
    """An order as the client asked for it; `amount_in` in base units of `token_in`.

    `price` is a limit's or a stop's, in tokens out per token in for this size, after fees and price impact. A
    limit's `floor_out` is at least what its price comes to, so no fill is ever below it.

    A sniper's `price` is the other way round, in tokens in per token out. What it comes to is known once
    `token_out` is launched, and has decimals: then `resolved` gives its `floor_out`, which is None until
    then. `min_liquidity`: base units of `token_in` that a pool of the two must hold (None: any will do).

    Slippage is measured from the quote, which is bad itself where the order is large or the pool is off the
    market. So there are two limits beside it: how far the order may move the price (None: the engine's own
    limit), and `floor_out`, base units of `token_out` that a fill may not fall below (None: no such floor).
    `expires_at`: the order is not begun after it. `venues`: those it may trade at (None: all).
    `slippage_is_auto`: the engine chooses the slippage with the route, at most `slippage_bps`.
    `slippage_is_default`: the client named no slippage, and `slippage_bps` is the engine's default.
    `expires_in_ms`: how the client said when it expires, if so. `quote_is_over`: the client named a quote,
    whose minimum is in `floor_out`, and the quote has expired.
    """

    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int
    max_price_impact_bps: int | None = None
    floor_out: int | None = None
    type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    expires_at: datetime | None = None
    venues: frozenset[str] | None = None
    slippage_is_auto: bool = False
    min_liquidity: int | None = None
    slippage_is_default: bool = field(default=False, compare=False)
    expires_in_ms: int | None = field(default=None, compare=False)
    quote_is_over: bool = field(default=False, compare=False)

    @property
    def rests(self) -> bool:
        """Whether the order waits for a trigger."""
        return self.type is not OrderType.MARKET

    @property
    def keeps_its_price(self) -> bool:
        """Whether it is filled at `price` or better, and rests again where that is gone."""
        return self.type in (OrderType.LIMIT, OrderType.SNIPER)


def resolved(terms: Terms) -> Terms:
    """A sniper's terms once its token is learned of: with the token's decimals, and its floor."""
    token = find_token(terms.token_out.mint)
    if terms.type is not OrderType.SNIPER or token is None or terms.price is None:
        return terms
    floor_out = least_bought(terms.token_in, token, terms.amount_in, terms.price)
    return replace(terms, token_out=token, floor_out=floor_out)


def executed_price(terms: Terms, amount_out: int) -> Decimal:
    """Tokens out per token in of a fill of `amount_out` base units."""
    return price(terms.token_out, amount_out, terms.token_in, terms.amount_in)


def least_out(token_in: Token, token_out: Token, amount_in: int, price: Decimal) -> int:
    """The least base units of `token_out` for `amount_in` at `price` tokens out per token in, rounded up."""
    units = EXACT.multiply(amount_in, price).scaleb(token_out.decimals - token_in.decimals, EXACT)
    return int(units.to_integral_value(ROUND_CEILING, EXACT))


def least_bought(token_in: Token, token_out: Token, amount_in: int, price: Decimal) -> int:
    """The least base units of `token_out` for `amount_in` at `price` tokens in per token out, rounded up.

    ⌈amount_in / 10^decimals_in / price × 10^decimals_out⌉, in whole numbers: a quotient need not end.
    """
    numerator, denominator = price.as_integer_ratio()
    bought: int = amount_in * denominator * 10**token_out.decimals
    paid: int = numerator * 10**token_in.decimals
    return -(-bought // paid)
