"""Orders that rest, expire or are cancelled, in either store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import randrange
from typing import Any

import pytest
from chalicelib.domain.account import Account
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.domain.tokens import Token
from chalicelib.ports.store import Fired, Held, OrderFilter, PriceLevel, RestingGroup

from tests.integration.adapters.postgres.shop import SIGNED, TERMS, Shop
from tests.samples import SOL, USDC, new_mint, step

PRICE = Decimal("150.25")
LIMIT = replace(TERMS, type=OrderType.LIMIT, price=PRICE, floor_out=225_375_000)
STOP = replace(TERMS, type=OrderType.STOP, price=Decimal(140))
SIZE = TERMS.amount_in.bit_length()


def level(of: Terms, price: str, token_in: Token = SOL) -> PriceLevel:
    group = RestingGroup(token_in, of.token_out, of.type, of.amount_in.bit_length())
    return PriceLevel(group, Decimal(price))


async def at(shop: Shop, of: Terms, price: str) -> list[str]:
    return [order.order_id for order in await shop.store.resting_at([level(of, price)], 10)]


async def fire(shop: Shop, *order_ids: str) -> list[str]:
    return [event.order_id for event in await shop.store.fire([Fired(of, PRICE) for of in order_ids])]


async def test_a_limit_rests_with_its_terms_and_no_worker_gets_it(shop: Shop) -> None:
    order_id = await shop.new(LIMIT)
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.status, order.terms) == (Status.OPEN, LIMIT)
    assert isinstance(await shop.store.claim(order_id), Held)
    assert await shop.steps(order_id) == [(1, "open", 1)]


async def test_a_resting_order_is_never_overdue(shop: Shop) -> None:
    await shop.new(LIMIT)
    await shop.pass_time(100_000)
    assert await shop.take_overdue(drained=True) == {}


async def test_orders_of_a_pair_type_and_size_are_one_group(shop: Shop) -> None:
    for terms in (LIMIT, LIMIT, replace(LIMIT, amount_in=LIMIT.amount_in + 1), STOP):
        await shop.new(terms)
    await shop.new(replace(LIMIT, token_in=USDC, token_out=SOL))
    await shop.new(TERMS)
    assert sorted(map(repr, await shop.store.resting_groups())) == sorted(
        map(
            repr,
            [
                RestingGroup(SOL, USDC, OrderType.LIMIT, SIZE),
                RestingGroup(SOL, USDC, OrderType.STOP, SIZE),
                RestingGroup(USDC, SOL, OrderType.LIMIT, SIZE),
            ],
        )
    )


async def test_limits_up_to_the_price_and_stops_from_the_price_may_fire(shop: Shop) -> None:
    limit, stop = await shop.new(LIMIT), await shop.new(STOP)
    assert await at(shop, LIMIT, "150.25") == [limit]
    assert await at(shop, LIMIT, "150.24999999999") == []
    assert await at(shop, STOP, "140") == [stop]
    assert await at(shop, STOP, "140.00000000001") == []


async def test_of_many_that_may_fire_those_furthest_beyond_the_price_come_first(shop: Shop) -> None:
    orders = [await shop.new(replace(LIMIT, price=Decimal(price))) for price in (103, 101, 102)]
    found = await shop.store.resting_at([level(LIMIT, "200")], 2)
    assert {order.order_id for order in found} == {orders[1], orders[2]}


async def test_a_fired_order_is_pending_and_due_at_once(shop: Shop) -> None:
    order_id = await shop.new(LIMIT)
    [event] = await shop.store.fire([Fired(order_id, PRICE)])
    assert (event.order_id, event.seq, event.status) == (order_id, 2, Status.PENDING)
    assert event.detail == {"triggerPrice": "150.25"}
    await shop.pass_time(61)
    assert [*await shop.take_overdue()] == [order_id]  # it was never queued
    assert (await shop.claim(order_id)).order.terms == LIMIT


async def test_of_two_triggers_one_fires_an_order(shop: Shop) -> None:
    order_id = await shop.new(LIMIT)
    fired = await asyncio.gather(*(fire(shop, order_id) for _ in range(5)))
    assert sorted(map(len, fired)) == [0, 0, 0, 0, 1]
    assert await shop.steps(order_id) == [(1, "open", 1), (2, "pending", 1)]


async def test_a_shard_of_the_triggers_is_leased_to_one_holder_until_it_gives_it_up_or_is_silent(
    shop: Shop,
) -> None:
    shard, store = randrange(64, 30_000), shop.store  # which no engine watches
    assert await store.lease_triggers(shard, "first", 60_000)
    assert not await store.lease_triggers(shard, "second", 60_000)
    assert await store.lease_triggers(shard, "first", 1)  # renewed, and over at once
    await shop.pass_time(1)
    assert await store.lease_triggers(shard, "second", 60_000)
    await store.release_triggers(shard, "first")
    assert not await store.lease_triggers(shard, "first", 60_000)
    await store.release_triggers(shard, "second")
    assert await store.lease_triggers(shard, "first", 60_000)


@pytest.mark.parametrize("steps", [(), (Status.BUILDING,), (Status.BUILDING, Status.SUBMITTED)])
async def test_a_limit_whose_price_is_gone_rests_again_without_a_transaction_or_a_spent_attempt(
    shop: Shop, steps: tuple[Status, ...]
) -> None:
    order_id = await shop.new(LIMIT)
    await fire(shop, order_id)
    claim = await shop.claim(order_id)
    await shop.move(claim, *steps, transaction=SIGNED)
    await shop.store.record(step(claim, Status.OPEN, error="Gone.", code="BELOW_MINIMUM_OUT"))
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.status, order.attempt, order.code) == (Status.OPEN, 1, "BELOW_MINIMUM_OUT")
    assert await at(shop, LIMIT, "151") == [order_id]
    await fire(shop, order_id)
    again = await shop.claim(order_id)
    assert (again.resumed, again.transaction, again.order.code) == (False, None, None)


@pytest.mark.parametrize("terms", [LIMIT, TERMS], ids=["open", "pending"])
async def test_an_order_that_no_worker_holds_is_cancelled_once(shop: Shop, terms: Terms) -> None:
    order_id = await shop.new(terms)
    cancelled = await asyncio.gather(*(shop.store.cancel(order_id) for _ in range(3)))
    assert [event.status for event in cancelled if event] == [Status.CANCELLED]
    assert isinstance(await shop.store.claim(order_id), Order)
    assert await fire(shop, order_id) == []
    assert (await shop.steps(order_id))[-1] == (2, "cancelled", 1)


async def test_an_order_that_waits_for_its_next_attempt_is_cancelled(shop: Shop) -> None:
    order_id = await shop.new()
    await shop.store.record(step(await shop.claim(order_id), Status.PENDING, retry_in_ms=500))
    assert await shop.store.cancel(order_id) is not None


@pytest.mark.parametrize("status", [Status.ROUTING, Status.BUILDING, Status.CONFIRMED, Status.FAILED])
async def test_an_order_that_a_worker_holds_or_that_has_ended_is_not_cancelled(
    shop: Shop, status: Status
) -> None:
    claim = await shop.claim(await shop.new())
    steps = {
        Status.ROUTING: (),
        Status.BUILDING: (Status.BUILDING,),
        Status.CONFIRMED: (Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED),
        Status.FAILED: (Status.FAILED,),
    }
    await shop.move(claim, *steps[status])
    assert await shop.store.cancel(claim.order.id) is None
    assert (await shop.steps(claim.order.id))[-1][1] == status


async def test_an_order_that_there_is_not_is_not_cancelled(shop: Shop) -> None:
    assert await shop.store.cancel("11111111-1111-4111-8111-111111111111") is None


async def test_an_order_whose_time_is_over_is_neither_claimed_nor_fired_and_expires_once(shop: Shop) -> None:
    soon, far = shop.now + timedelta(hours=20), shop.now + timedelta(days=9)
    resting, waiting = [await shop.new(replace(of, expires_at=soon)) for of in (LIMIT, TERMS)]
    later = await shop.new(replace(LIMIT, expires_at=far))
    assert await shop.store.expire(10) == []
    await shop.pass_time(100_000)
    assert isinstance(await shop.store.claim(waiting), Held)
    assert await fire(shop, resting) == []
    events = await shop.store.expire(10)
    assert sorted((event.order_id, event.status) for event in events) == sorted(
        [(resting, Status.EXPIRED), (waiting, Status.EXPIRED)]
    )
    assert await shop.store.expire(10) == []
    assert await fire(shop, later) == [later]


async def test_an_order_that_a_worker_holds_does_not_expire(shop: Shop) -> None:
    order_id = await shop.new(replace(TERMS, expires_at=shop.now + timedelta(hours=20)))
    await shop.claim(order_id)
    await shop.pass_time(100_000)
    assert await shop.store.expire(10) == []


async def test_a_limit_that_failed_and_is_redriven_rests_again_when_its_price_is_gone(shop: Shop) -> None:
    order_id = await shop.new(LIMIT)
    await fire(shop, order_id)
    await shop.end(order_id)
    assert await shop.store.redrive(order_id) is not None
    await shop.store.record(step(await shop.claim(order_id), Status.OPEN))
    assert await at(shop, LIMIT, "151") == [order_id]


async def test_a_failed_order_that_is_redriven_after_its_time_expires(shop: Shop) -> None:
    order_id = await shop.new(replace(TERMS, expires_at=shop.now + timedelta(hours=20)))
    await shop.end(order_id)
    await shop.pass_time(100_000)
    assert await shop.store.expire(10) == []
    assert await shop.store.redrive(order_id) is not None
    assert isinstance(await shop.store.claim(order_id), Held)
    assert [event.order_id for event in await shop.store.expire(10)] == [order_id]


async def test_the_resting_orders_of_an_account_are_found_by_pair_and_type(shop: Shop) -> None:
    limit, stop = await shop.new(LIMIT), await shop.new(STOP)
    other = await shop.new(replace(LIMIT, token_in=USDC, token_out=SOL))
    await shop.new(TERMS)

    async def found(**only: Any) -> set[str]:
        return set(await shop.store.open_orders(10, OrderFilter(**only)))

    assert await found() == {limit, stop, other}
    assert await found(token_in=SOL) == {limit, stop}
    assert await found(token_out=SOL) == {other}
    assert await found(types=[OrderType.STOP]) == {stop}
    assert await found(account=Account("another")) == set()


async def test_the_resting_orders_of_a_token_that_a_list_added_are_found_by_it(shop: Shop) -> None:
    added = Token("WIF", new_mint(), 6)
    order_id = await shop.new(replace(LIMIT, token_in=added))
    assert await shop.store.open_orders(10, OrderFilter(token_in=added)) == [order_id]
    assert [order.id for order in await shop.store.orders(10, None, OrderFilter(token_in=added))] == [
        order_id
    ]
    [group] = await shop.store.resting_groups()
    assert group.token_in == added
    [resting] = await shop.store.resting_at([PriceLevel(group, Decimal(10**6))], 10)
    assert resting.order_id == order_id
