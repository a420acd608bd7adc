"""The addresses of simulated pools."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import base58

from ..domain.tokens import Token


@cache
def pool_address(venue: str, x: Token, y: Token) -> str:
    """The address of the venue's pool of two tokens, as `market.sides` gives them."""
    return base58.b58encode(sha256(f"{venue}|{x.mint}|{y.mint}".encode()).digest()).decode()
