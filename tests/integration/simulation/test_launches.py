"""Launches of the simulated market on the real Postgres: reported twice, traded once they are open."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.domain.errors import InsufficientLiquidity, PoolNotOpen, TransactionFailed
from chalicelib.domain.launch import Launch
from chalicelib.domain.tokens import Token, new_token
from chalicelib.ports.trading import Landed, Venue
from chalicelib.simulation.launch_plan import Plan
from chalicelib.simulation.launchpad import Launchpad, NewPool

from tests.integration.simulation.world import World
from tests.samples import SOL, USDC, new_mint

UNKNOWN = new_token(new_mint(), 6)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def other(database: Database) -> World:
    """Another process."""
    return World(database)


def plan(**changes: object) -> Plan:
    """A thousandth of a SOL each, and 100 SOL in the pool; of a token of its own."""
    given = {"symbol": "WIF", "price": Decimal("0.001"), "liquidity": Decimal(100), "mint": new_mint()}
    return Plan(**(given | changes))  # type: ignore[arg-type]


async def launch(world: World, **changes: object) -> NewPool:
    found = await world.launches.launch(plan(**changes))
    assert found is not None
    return found


async def reported(launchpad: Launchpad) -> Sequence[Launch]:
    found = await launchpad.detected(1000)
    await launchpad.take(found)
    return found


async def out(venue: Venue, token_in: Token, token_out: Token, amount_in: int) -> int:
    return (await venue.quote(token_in, token_out, amount_in)).amount_out


async def test_a_launch_is_reported_twice_and_to_any_process_and_then_no_more(
    world: World, other: World
) -> None:
    pool = await launch(world, opens_in_ms=3_600_000)
    reports = [await reported(launchpad) for launchpad in (world.launches, other.launches, world.launches)]
    pools = [[of.pool for of in report].count(pool.address) for report in reports]
    assert pools == [1, 1, 0]
    [first] = [of for of in reports[0] if of.pool == pool.address]
    assert (first.mint, first.symbol, first.decimals, first.venue) == (pool.token.mint, "WIF", 6, "raydium")
    assert (first.against, first.liquidity, first.opens_at) == (SOL, 100 * 10**9, pool.opens_at)


async def test_the_same_launch_is_reported_again_and_another_at_its_place_is_refused(world: World) -> None:
    same = plan()
    first = await world.launches.launch(same)
    for _ in range(2):
        await reported(world.launches)
    assert await world.launches.launch(same) == first
    assert first is not None
    assert first.address in [of.pool for of in await reported(world.launches)]
    assert await world.launches.launch(plan(mint=same.mint, price=Decimal(1))) is None


async def test_launches_of_the_setting_are_announced_before_any_is_reported(world: World) -> None:
    mint = new_mint()
    launchpad = Launchpad(world.database, f"WIF price=2 liquidity=10 mint={mint} against=USDC")
    [found] = [of for of in await reported(launchpad) if of.mint == mint]
    assert (found.against, found.liquidity) == (USDC, 10 * 10**6)


async def test_a_pool_opens_at_its_price_in_every_process(world: World, other: World) -> None:
    pool = await launch(world)
    for process in (world, other):
        quote = await process.venues["raydium"].quote(SOL, pool.token, 10**6)  # too little to move it
        assert Decimal("996") <= quote.price <= Decimal("998")  # a thousand each SOL, less the fee
        assert quote.pool == pool.address
    back = await out(other.venues["raydium"], pool.token, SOL, 10**6)
    assert 990_000 < back < 1_000_000


async def test_a_pool_that_is_not_open_gives_nothing(world: World) -> None:
    pool = await launch(world, opens_in_ms=3_600_000)
    with pytest.raises(PoolNotOpen):
        await world.venues["raydium"].quote(SOL, pool.token, 10**6)


async def test_a_token_is_traded_where_its_pool_is_and_nowhere_else(world: World) -> None:
    pool = await launch(world, venue="orca", against=USDC)
    assert await out(world.venues["orca"], USDC, pool.token, 10**6) > 0
    for venue, token_in, token_out in (
        ("orca", SOL, pool.token),
        ("raydium", USDC, pool.token),
        ("raydium", SOL, UNKNOWN),
    ):
        with pytest.raises(InsufficientLiquidity):
            await world.venues[venue].quote(token_in, token_out, 10**6)


async def test_an_order_so_small_that_it_buys_no_unit_is_refused(world: World) -> None:
    pool = await launch(world, decimals=0, price=Decimal(10), liquidity=Decimal(1000))
    with pytest.raises(InsufficientLiquidity):
        await world.venues["raydium"].quote(SOL, pool.token, 10**6)


async def test_a_swap_for_a_new_token_lands_in_a_process_that_has_not_quoted_it(
    world: World, other: World
) -> None:
    pool, memo = await launch(world), str(uuid.uuid4())
    swap: dict[str, Any] = {"venue": "raydium", "token_out": pool.token, "minimum_out": 980 * 10**6}
    transaction = await world.sign(memo=memo, **swap)
    signature = await other.chain.send(transaction)
    status = await world.chain.status(signature)
    assert isinstance(status, Landed)
    assert status.amount_out >= 980 * 10**6
    assert (await world.landed())[memo] == 1


async def test_a_swap_for_a_token_that_there_is_not_is_refused(world: World) -> None:
    transaction = await world.sign(venue="raydium", token_out=UNKNOWN)
    with pytest.raises(TransactionFailed):
        await world.chain.send(transaction)
