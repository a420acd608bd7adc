"""Resting orders over fakes: which fire at a price, and how many quotes that takes."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from chalicelib.domain.errors import InsufficientLiquidity, VenueUnavailable
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
    eventually,
)
from tests.samples import BONK, COPE, SOL, TERMS

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
        self.triggers = Triggers(self.store, self.queue, self.events, quoting, self.metrics, poll=0)

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


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.mark.parametrize(("price", "fires"), [("149.999999", False), ("150", True), ("151", True)])
async def test_a_limit_fires_at_its_price_or_a_better_one(market: Market, price: str, fires: bool) -> None:
    order_id = await market.rest()
    market.trade_at(price)
    assert (await market.triggers.once()).fired == int(fires)
    assert await market.status(order_id) is (Status.PENDING if fires else Status.OPEN)
    assert market.queue.sent == [order_id] * fires


@pytest.mark.parametrize(("price", "fires"), [("140.000001", False), ("140", True), ("139", True)])
async def test_a_stop_fires_once_the_price_has_fallen_to_it(market: Market, price: str, fires: bool) -> None:
    order_id = await market.rest(STOP)
    market.trade_at(price)
    await market.triggers.once()
    assert await market.status(order_id) is (Status.PENDING if fires else Status.OPEN)


async def test_fired_and_expired_orders_are_counted_once_each(market: Market) -> None:
    over = market.store.now + timedelta(seconds=5)
    for terms in (LIMIT, LIMIT, replace(LIMIT, expires_at=over)):
        await market.rest(terms)
    await market.store.pass_time(6)
    market.trade_at("151")
    for _ in range(2):
        await market.triggers.once()
    assert (market.metrics.fires, market.metrics.expiries) == (2, 1)


async def test_a_fired_orders_event_names_the_price(market: Market) -> None:
    order_id = await market.rest()
    market.trade_at("151.5")
    await market.triggers.once()
    [_, fired] = await market.store.events(order_id)
    assert fired.detail == {"triggerPrice": "151.5"}


async def test_a_floor_above_the_limits_price_decides(market: Market) -> None:
    order_id = await market.rest(replace(LIMIT, floor_out=152_000_000))
    market.trade_at("151")
    await market.triggers.once()
    assert await market.status(order_id) is Status.OPEN


async def test_a_limit_does_not_fire_at_a_venue_that_it_excludes(market: Market) -> None:
    order_id = await market.rest(replace(LIMIT, venues=frozenset({"meteora"})))
    market.trade_at("151")
    await market.triggers.once()
    assert await market.status(order_id) is Status.OPEN


async def test_a_stop_at_the_venue_that_offers_least_fires_at_that_venues_price() -> None:
    market = Market(only=False)
    named = await market.rest(replace(STOP, venues=frozenset({"raydium"})))
    free = await market.rest(STOP)
    market.trade_at("139")
    await market.triggers.once()
    assert await market.status(named) is Status.PENDING
    assert await market.status(free) is Status.OPEN


async def test_an_order_fires_though_the_pool_cannot_take_the_size_that_its_group_is_judged_by(
    market: Market,
) -> None:
    limit, stop = await market.rest(), await market.rest(STOP)
    market.venue.only = TERMS.amount_in
    market.trade_at("151")
    await market.triggers.once()
    assert await market.status(limit) is Status.PENDING
    market.trade_at("139")
    await market.triggers.once()
    assert await market.status(stop) is Status.PENDING


async def test_a_limit_that_only_two_hops_can_fill_fires() -> None:
    depths = {(COPE, BONK): 7 * 10**10, (COPE, SOL): 10**13, (SOL, BONK): 10**13}
    market = Market(pools=PoolVenue("pools", depths))
    least = Decimal("0.992")  # more than the direct pool gives for any size of the order's group
    received = int(least * 10**9)
    price = least * 10 ** (COPE.decimals - BONK.decimals)
    terms = Terms(COPE, BONK, 10**9, 100, type=OrderType.LIMIT, price=price, floor_out=received)
    order_id = await market.rest(terms)
    await market.triggers.once()
    assert await market.status(order_id) is Status.PENDING


async def test_a_venue_that_does_not_quote_fires_nothing(market: Market) -> None:
    order_id = await market.rest()
    market.venue.always = VenueUnavailable()
    await market.triggers.once()
    assert await market.status(order_id) is Status.OPEN


async def test_an_order_whose_time_is_over_expires(market: Market) -> None:
    order_id = await market.rest(replace(LIMIT, expires_at=market.store.now + timedelta(seconds=5)))
    await market.store.pass_time(6)
    market.trade_at("151")
    done = await market.triggers.once()
    assert (done.fired, done.expired) == (0, 1)
    assert await market.status(order_id) is Status.EXPIRED


async def test_an_order_that_cannot_be_queued_is_left_to_the_sweep(market: Market) -> None:
    order_id = await market.rest()
    market.trade_at("151")
    market.queue.unavailable = True
    assert (await market.triggers.once()).fired == 1
    await market.store.pass_time(61)
    [overdue] = await market.store.take_overdue(10, drained_for_ms=None)
    assert overdue.order_id == order_id


async def test_orders_far_from_their_price_take_one_quote_together(market: Market) -> None:
    for _ in range(100):
        await market.rest()
    market.trade_at("100")
    await market.triggers.once()
    assert market.venue.quotes_asked == 1


async def test_a_pass_does_not_wait_for_the_one_before(market: Market) -> None:
    held = await market.rest(replace(LIMIT, token_out=BONK))
    market.trade_at("100")
    market.venue.held = BONK
    run = asyncio.create_task(market.triggers.run(60))
    await eventually(lambda: market.venue.waiting)
    other = await market.rest()
    market.trade_at("151")
    await eventually(lambda: other in market.queue.sent)
    assert await market.status(held) is Status.OPEN
    run.cancel()


async def test_a_store_that_is_unavailable_ends_no_run_and_is_logged_once(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = await market.rest()
    market.trade_at("151")
    market.store.unavailable = True
    for _ in range(3):
        done = await market.triggers.run(0)
        assert (done.fired, done.expired) == (0, 0)
    market.store.unavailable = False
    for _ in range(3):
        await market.triggers.run(0)
    assert market.queue.sent == [order_id]
    assert [record.message.partition(" error=")[0] for record in caplog.records] == [
        "triggers: pass failed, retrying at each poll",
        "triggers: passes succeed again",
    ]
