"""What the simulated pools have in common: an address, and the quote of what a swap gives."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import base58

from ..domain.curve import Curve, Fill
from ..domain.errors import InsufficientLiquidity
from ..domain.routing import Quote
from ..domain.tokens import Token


@cache
def pool_address(venue: str, x: Token, y: Token) -> str:
    """The address of the venue's pool of two tokens, as `market.sides` gives them."""
    return base58.b58encode(sha256(f"{venue}|{x.mint}|{y.mint}".encode()).digest()).decode()


def quote_of(
    curve: Curve, fill: Fill, venue: str, address: str, token_in: Token, token_out: Token, amount_in: int
) -> Quote:
    """What the venue's pool at `address` gives for `amount_in`. Raises InsufficientLiquidity if nothing."""
    if fill.amount_out == 0:
        raise InsufficientLiquidity(
            f"{token_in.text(amount_in)} {token_in.symbol} on {venue.capitalize()} comes to less than the "
            f"smallest unit of {token_out.symbol}."
        )
    return Quote(
        venue,
        token_in,
        token_out,
        amount_in,
        fill.amount_out,
        fill.fee,
        fill.price_impact_bps,
        address,
        curve,
    )
