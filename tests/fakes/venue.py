"""A venue that answers by a script, and one of pools."""

from __future__ import annotations

import asyncio
from collections import deque

from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.routing import Quote
from chalicelib.domain.tokens import Token
from chalicelib.ports.trading import Swap
from chalicelib.simulation.raydium import ConstantProduct


class MemoryVenue:
    """`ports.trading.Venue`: gives `script`'s answers in turn, then always `amount_out`.

    An answer is an amount, an exception to raise, or None: no answer at all.
    """

    def __init__(self, name: str, amount_out: int = 100_000_000, *, impact_bps: int = 1) -> None:
        self.name = name
        self.amount_out = amount_out
        self.impact_bps = impact_bps
        self.script: deque[int | Exception | None] = deque()
        self.always: Exception | None = None
        self.quotes_asked = 0

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        self.quotes_asked += 1
        answer = self.script.popleft() if self.script else self.always or self.amount_out
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return Quote(self.name, token_in, token_out, amount_in, int(answer or 0), 30, self.impact_bps)

    async def build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        return Swap(self.name, quote.token_in, quote.token_out, quote.amount_in, minimum_out)


class PoolVenue(MemoryVenue):
    """A venue of constant-product pools, by pair; of others there is none."""

    def __init__(self, name: str, pools: dict[tuple[Token, Token], int]) -> None:
        super().__init__(name)
        self.pools = pools

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        self.quotes_asked += 1
        depth = self.pools.get((token_in, token_out))
        if depth is None or amount_in > 100 * depth:
            raise InsufficientLiquidity(f"{self.name} can't fill it.")
        curve = ConstantProduct(depth, depth)
        fill = curve.swap(amount_in)
        return Quote(
            self.name,
            token_in,
            token_out,
            amount_in,
            fill.amount_out,
            fill.fee,
            fill.price_impact_bps,
            curve=curve,
        )
