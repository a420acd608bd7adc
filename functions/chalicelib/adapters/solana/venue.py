"""A venue that Jupiter asks: one DEX, so that two are quoted side by side, or the whole router."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...domain.routing import Quote
from ...domain.tokens import Token
from ...ports.trading import Swap, Venue
from .jupiter import Jupiter, quote_of

if TYPE_CHECKING:
    from .preparation import Preparation

ANY_DEX = "*"


class JupiterVenue(Venue):
    """The venue `name`: the DEX that Jupiter calls `label`, or its whole router where that is `*`.

    `preparation` gives what makes transactions; a function that only quotes never asks for it, and needs
    neither the wallet's key nor the library that signs.
    """

    def __init__(
        self, name: str, label: str, jupiter: Jupiter, preparation: Callable[[], Preparation]
    ) -> None:
        self.name = name
        self._only = {} if label == ANY_DEX else {"dexes": label}
        self._jupiter = jupiter
        self._preparation = preparation

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        """Raises VenueUnavailable, InsufficientLiquidity."""
        found = await self._jupiter.order(token_in, token_out, amount_in, **self._only)
        return quote_of(self.name, token_in, token_out, amount_in, found)

    async def build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        """A swap with a transaction that has passed every check and wants our signature."""
        return await self._preparation().swap(quote, minimum_out, memo, **self._only)
