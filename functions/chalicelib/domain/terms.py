"""The terms of an order: what is sold for what, how much, and what the trader does not accept."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from .tokens import Token, price

MAX_BASE_UNITS = 2**63 - 1
"""The most an order may sell: what a signed 64-bit amount, and so every pool, can hold."""
DEFAULT_SLIPPAGE_BPS = 100
MAX_SLIPPAGE_BPS = 5000
MAX_PRICE_IMPACT_BPS = 10_000
MAX_KEY_LENGTH = 64
"""The longest idempotency key, in characters."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A market order as the client asked for it; `amount_in` in base units of `token_in`.

    Slippage is measured from the quote, which is bad itself where the order is large or the pool is off the
    market. So there are two limits beside it: how far the order may move the price (None: the engine's own
    limit), and `floor_out`, base units of `token_out` that a fill may not fall below (None: no such floor).
    `slippage_is_default`: the client named no slippage, and `slippage_bps` is the engine's default.
    """

    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int
    max_price_impact_bps: int | None = None
    floor_out: int | None = None
    slippage_is_default: bool = field(default=False, compare=False)


def executed_price(terms: Terms, amount_out: int) -> Decimal:
    """Tokens out per token in of a fill of `amount_out` base units."""
    return price(terms.token_out, amount_out, terms.token_in, terms.amount_in)
