"""Resting orders over fakes: which fire at a price, and how many quotes that takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from chalicelib.domain.errors import VenueUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.ports.metrics import FIRED, ORDERS

from tests.fakes import PoolVenue
from tests.samples import BONK, COPE, SOL, TERMS
from tests.unit.services.resting import LIMIT, STOP, Market


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
    assert market.metrics.values(FIRED) == [2]
    assert market.metrics.values(ORDERS, "expired") == [1]


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
