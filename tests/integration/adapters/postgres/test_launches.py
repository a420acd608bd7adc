"""Launches, and the snipers that wait for them, in either store."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from chalicelib.domain.errors import IdempotencyConflict
from chalicelib.domain.events import Event
from chalicelib.domain.launch import Launch
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.domain.tokens import find_token, new_token
from chalicelib.ports.store import Fired, NewOrder, OrderFilter, PriceLevel, RestingGroup

from tests.integration.adapters.postgres.shop import Shop
from tests.samples import SOL, USDC, launch_of, new_mint, sniper, step

ID = "11111111-1111-4111-8111-11111111111"


@pytest.fixture
def mint() -> str:
    return new_mint()


async def launch(shop: Shop, mint: str, *, opens_in_s: float = -1, **changes: Any) -> Launch:
    opens_at: datetime = (shop.now + timedelta(seconds=opens_in_s)).replace(microsecond=0)
    found = launch_of(mint, opens_at, **changes)
    await shop.store.add_launches([found])
    return found


async def at(shop: Shop, mint: str, price: str, liquidity: int = 0) -> dict[str, Terms]:
    group = RestingGroup(SOL, new_token(mint, 6), OrderType.SNIPER, (10**9).bit_length())
    found = await shop.store.resting_at([PriceLevel(group, Decimal(price), liquidity)], 10)
    return {order.order_id: order.terms for order in found}


async def test_a_launch_is_kept_as_it_was_reported_first(shop: Shop, mint: str) -> None:
    first = await launch(shop, mint)
    await launch(shop, mint, decimals=9, liquidity=1, opens_in_s=-50)
    assert await shop.store.open_launches([mint]) == [first]
    await shop.store.add_launches([first, first])
    assert await shop.store.open_launches([mint, mint, new_mint()]) == [first]


async def test_a_pool_is_found_once_it_is_open_and_its_token_is_learned(shop: Shop, mint: str) -> None:
    await launch(shop, mint, opens_in_s=50_000)
    assert await shop.store.open_launches([mint]) == []
    assert mint not in [found.mint for found in await shop.store.newest_launches(100)]
    assert find_token(mint) is None
    first = await launch(shop, mint, pool=f"first of {mint}", opens_in_s=-100, against=USDC)
    second = await launch(shop, mint, pool=f"second of {mint}", opens_in_s=-10, venue="orca")
    assert await shop.store.open_launches([mint]) == [first, second]
    assert find_token(mint) == new_token(mint, 6)


async def test_the_newest_launches_come_first(shop: Shop) -> None:
    older, newer = (
        await launch(shop, new_mint(), opens_in_s=-3),
        await launch(shop, new_mint(), opens_in_s=-2),
    )
    found = [one for one in await shop.store.newest_launches(1000) if one in (older, newer)]
    assert found == [newer, older]
    assert len(await shop.store.newest_launches(1)) == 1


async def test_a_sniper_is_read_as_it_was_submitted_and_with_its_floor_once_it_is_launched(
    shop: Shop, mint: str
) -> None:
    terms = sniper(mint, "0.0037", min_liquidity=5 * 10**9, venues=frozenset({"orca"}))
    order_id = await shop.new(terms)
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.status, order.terms) == (Status.OPEN, terms)
    await launch(shop, mint)
    await shop.store.open_launches([mint])
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.terms.token_out, order.terms.floor_out) == (new_token(mint, 6), 270_270_271)
    assert order.terms.min_liquidity == 5 * 10**9
    [shown] = await shop.store.orders(1, only=OrderFilter([Status.OPEN]))
    assert shown == order


async def test_a_worker_that_claims_a_sniper_gets_its_floor(shop: Shop, mint: str) -> None:
    """Though its process has not read the launch before."""
    order_id = await shop.new(sniper(mint))
    await launch(shop, mint, decimals=3)
    await shop.store.open_launches([mint])
    await shop.store.fire([Fired(order_id, Decimal("0.001"))])
    assert (await shop.claim(order_id)).order.terms.floor_out == 1_000_000


async def test_snipers_from_the_price_on_may_fire_where_the_pool_holds_what_they_ask(
    shop: Shop, mint: str
) -> None:
    cheap, dear = await shop.new(sniper(mint, "0.001")), await shop.new(sniper(mint, "0.002"))
    deep = await shop.new(sniper(mint, "0.003", min_liquidity=50))
    await launch(shop, mint)
    await shop.store.open_launches([mint])
    assert (await at(shop, mint, "0.001")).keys() == {cheap, dear}
    assert (await at(shop, mint, "0.0010000000000001", 49)).keys() == {dear}
    found = await at(shop, mint, "0.002", 50)
    assert found.keys() == {dear, deep}
    assert found[dear].floor_out == 500_000_000


async def test_a_group_of_snipers_names_the_mint(shop: Shop, mint: str) -> None:
    await shop.new(sniper(mint))
    [group] = [one for one in await shop.store.resting_groups() if one.token_out.mint == mint]
    assert (group.type, group.size) == (OrderType.SNIPER, (10**9).bit_length())


async def test_a_sniper_whose_price_is_gone_rests_again(shop: Shop, mint: str) -> None:
    order_id = await shop.new(sniper(mint))
    await launch(shop, mint)
    await shop.store.open_launches([mint])
    await shop.store.fire([Fired(order_id, Decimal("0.001"))])
    await shop.store.record(
        step(await shop.claim(order_id), Status.OPEN, error="Gone.", code="POOL_NOT_OPEN")
    )
    assert (await at(shop, mint, "0.001")).keys() == {order_id}


async def test_a_sniper_under_the_same_key_is_one_order_also_after_the_launch(shop: Shop, mint: str) -> None:
    terms = sniper(mint, min_liquidity=7)
    first = await shop.store.create(NewOrder(f"{ID}1", terms, key=mint))
    assert isinstance(first, Event)
    await launch(shop, mint)
    await shop.store.open_launches([mint])
    again = await shop.store.create(NewOrder(f"{ID}2", terms, key=mint))
    assert isinstance(again, Order)
    assert again.id == first.order_id
    with pytest.raises(IdempotencyConflict):
        await shop.store.create(NewOrder(f"{ID}3", sniper(mint, min_liquidity=8), key=mint))


async def test_the_snipers_of_an_account_are_found_by_mint_and_type(shop: Shop, mint: str) -> None:
    order_id = await shop.new(sniper(mint))
    await shop.new(sniper(new_mint()))
    only = OrderFilter(types=[OrderType.SNIPER], token_out=new_token(mint))
    assert await shop.store.open_orders(10, only) == [order_id]
