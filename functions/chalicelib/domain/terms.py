"""The terms of an order: what is sold for what, how much, and the slippage that is accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from .tokens import Token, price

MAX_BASE_UNITS = 2**63 - 1
"""The most an order may sell: what a signed 64-bit amount, and so every pool, can hold."""
MAX_SLIPPAGE_BPS = 5000
MAX_KEY_LENGTH = 64
"""The longest idempotency key, in characters."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A market order as the client asked for it; `amount_in` in base units of `token_in`.

    `slippage_is_default`: the client named no slippage, and `slippage_bps` is the engine's default.
    """

    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int
    slippage_is_default: bool = field(default=False, compare=False)


def executed_price(terms: Terms, amount_out: int) -> Decimal:
    """Tokens out per token in of a fill of `amount_out` base units."""
    return price(terms.token_out, amount_out, terms.token_in, terms.amount_in)
