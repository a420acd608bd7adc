"""Two accounts on one store: neither sees, cancels or counts for the other's orders and keys."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import Decimal

import pytest
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import IdempotencyConflict
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.ports.store import NewOrder, OrderFilter

from tests.integration.adapters.postgres.shop import TERMS, Shop
from tests.samples import SOL

ALICE, BOB = Account("alice"), Account("bob")
LIMIT = replace(TERMS, type=OrderType.LIMIT, price=Decimal(10**6))


async def new(shop: Shop, account: Account, terms: Terms = TERMS, key: str | None = None) -> str:
    created = await shop.store.create(NewOrder(str(uuid.uuid4()), terms, account.id, key, account))
    assert isinstance(created, Event)
    return created.order_id


async def test_an_order_has_the_account_that_placed_it(shop: Shop) -> None:
    for account in (ALICE, LOCAL):
        order = await shop.store.order(await new(shop, account))
        assert order is not None
        assert order.account == account


@pytest.mark.parametrize(
    "only",
    [
        OrderFilter(),
        OrderFilter([Status.PENDING]),
        OrderFilter([Status.OPEN, Status.PENDING]),
        OrderFilter(types=[OrderType.LIMIT]),
        OrderFilter(types=[OrderType.MARKET, OrderType.LIMIT], statuses=[Status.FAILED]),
        OrderFilter(token_in=SOL),
        OrderFilter(token_in=SOL, types=[OrderType.LIMIT]),
        OrderFilter(token_out=TERMS.token_out),
    ],
)
async def test_a_list_has_the_orders_of_its_account_alone(shop: Shop, only: OrderFilter) -> None:
    orders = {}
    for account in (ALICE, BOB, LOCAL):
        orders[account] = [await new(shop, account, terms) for terms in (TERMS, LIMIT, TERMS)]
        await shop.end(orders[account][2])
    for account, ids in orders.items():
        of_account = only._replace(account=account)
        kept = [order for order_id in ids if (order := await shop.store.order(order_id)) is not None]
        expected = [order.id for order in reversed(kept) if of_account.has(order)]
        assert expected
        assert [order.id for order in await shop.store.orders(10, None, of_account)] == expected


async def test_an_idempotency_key_is_an_accounts_own(shop: Shop) -> None:
    mine, theirs = await new(shop, ALICE, key="key"), await new(shop, BOB, LIMIT, key="key")
    local = await new(shop, LOCAL, key="key")
    for account, order_id, terms in ((ALICE, mine, TERMS), (BOB, theirs, LIMIT), (LOCAL, local, TERMS)):
        again = NewOrder(str(uuid.uuid4()), terms, "", "key", account)
        for found in (
            await shop.store.create(again),
            await shop.store.first(again),
            await shop.store.order_of_key("key", account),
        ):
            assert isinstance(found, Order)
            assert (found.id, found.client_order_id) == (order_id, "key")
    with pytest.raises(IdempotencyConflict):
        await shop.store.create(NewOrder(str(uuid.uuid4()), LIMIT, "", "key", ALICE))
    assert await shop.store.order_of_key("key", Account("carol")) is None


async def test_an_order_is_cancelled_by_its_own_account_only(shop: Shop) -> None:
    order_id = await new(shop, ALICE, LIMIT)
    assert await shop.store.cancel(order_id, BOB) is None
    assert await shop.store.cancel(order_id) is None
    order = await shop.store.order(order_id)
    assert order is not None
    assert order.status is Status.OPEN
    cancelled = await shop.store.cancel(order_id, ALICE)
    assert cancelled is not None
    assert cancelled.status is Status.CANCELLED


async def test_resting_orders_are_found_by_account(shop: Shop) -> None:
    mine = await new(shop, ALICE, LIMIT)
    await new(shop, BOB, LIMIT)
    assert await shop.store.open_orders(10, OrderFilter(account=ALICE)) == [mine]
    assert await shop.store.open_orders(10) == []
