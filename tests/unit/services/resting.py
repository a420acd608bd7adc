"""A market with resting orders, over fakes, for the tests of the triggers."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from decimal import Decimal

from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.domain.tokens import Token
from chalicelib.ports.store import NewOrder
from chalicelib.services.quoting import Quoting
from chalicelib.services.triggers import Triggers

from tests.fakes import (
    MemoryEvents,
    MemoryMetrics,
    MemoryQueue,
    MemoryStore,
    MemoryVenue,
    PoolVenue,
    announcer,
)
from tests.samples import TERMS

LIMIT = replace(TERMS, type=OrderType.LIMIT, price=Decimal(150), floor_out=150_000_000)
STOP = replace(TERMS, type=OrderType.STOP, price=Decimal(140))


class FixedPrice(MemoryVenue):
    """A venue where any amount of SOL is sold for `usdc` each."""

    usdc = Decimal(100)
    only: int | None = None  # the one amount that its pool takes
    held: Token | None = None  # its first quote for this token is never given
    waiting = False

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        if token_out is self.held and not self.waiting:
            self.waiting = True
            await asyncio.Event().wait()
        if self.only not in (None, amount_in):
            raise InsufficientLiquidity
        self.amount_out = int(token_in.amount(amount_in) * self.usdc * 10**token_out.decimals)
        return await super().quote(token_in, token_out, amount_in)


class Market:
    """A venue, another that offers a tenth more, and triggers that watch both."""

    def __init__(self, *, only: bool = True, pools: PoolVenue | None = None) -> None:
        self.store, self.queue, self.events = MemoryStore(), MemoryQueue(), MemoryEvents()
        self.metrics = MemoryMetrics()
        self.venue, self.better = FixedPrice("raydium"), FixedPrice("orca")
        watched = [pools] if pools else [self.venue] if only else [self.venue, self.better]
        venues = {venue.name: venue for venue in watched}
        quoting = Quoting(venues, timeout=1, max_price_impact_bps=300)
        self.triggers = Triggers(
            self.store, self.queue, announcer(self.events, self.metrics), quoting, self.metrics
        )

    async def rest(self, terms: Terms = LIMIT) -> str:
        order_id = str(uuid.uuid4())
        await self.store.create(NewOrder(order_id, terms))
        return order_id

    async def status(self, order_id: str) -> Status:
        order = await self.store.order(order_id)
        assert order is not None
        return order.status

    def trade_at(self, usdc: str) -> None:
        self.venue.usdc = Decimal(usdc)
        self.better.usdc = Decimal(usdc) * Decimal("1.1")
