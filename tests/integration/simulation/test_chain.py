"""The simulated chain against the real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.domain.errors import (
    BlockhashExpired,
    InsufficientLiquidity,
    QuoteTimeout,
    SlippageExceeded,
    TemporarilyUnavailable,
    TransactionFailed,
)
from chalicelib.ports.trading import Landed, ProgramError, Swap
from chalicelib.simulation.chain import NETWORK_FEE
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.orca import Orca
from chalicelib.simulation.raydium import Raydium
from chalicelib.simulation.venue import Dex

from tests.integration.simulation.world import Clock, World
from tests.samples import COPE, SOL, USDC


async def test_a_swap_lands_at_once_without_latency(world: Callable[..., World]) -> None:
    here = world()
    signed = await here.sign(memo="order")
    assert await here.chain.send(signed) == signed.signature
    found = await here.chain.status(signed.signature)
    assert isinstance(found, Landed)
    assert found.slot <= await here.chain.block_height()
    assert await here.landed() == {"order": 1}


async def test_a_swap_lands_two_to_three_seconds_after_it_was_sent(
    world: Callable[..., World], clock: Clock
) -> None:
    here = world(sim_latency=1.0)
    signed = [await here.sign() for _ in range(20)]
    await asyncio.gather(*(here.chain.send(transaction) for transaction in signed))

    async def landed() -> int:
        found = await asyncio.gather(*(here.chain.status(transaction.signature) for transaction in signed))
        return sum(isinstance(status, Landed) for status in found)

    clock.advance(1.5)
    assert await landed() == 0
    assert await here.landed() == {}
    clock.advance(1.0)
    assert 0 < await landed() < 20
    clock.advance(1.0)
    assert await landed() == 20


async def test_the_fill_is_the_pools_at_the_instant_of_landing(
    world: Callable[..., World], database: Database
) -> None:
    here = world(sim_latency=1.0, sim_seed="fill")
    signed = await here.sign()
    await here.chain.send(signed)
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT amount_out, slot, (extract(epoch FROM lands_at) * 1000)::bigint AS at "
            "FROM sim.transactions"
        )
        row = await cursor.fetchone()
    assert row
    assert row["amount_out"] == Meteora(Market("fill")).quote_at(SOL, USDC, 10**9, row["at"]).amount_out
    assert row["slot"] == row["at"] // 400


async def test_a_quote_settles_within_1_percent(world: Callable[..., World], clock: Clock) -> None:
    here = world(sim_latency=1.0)
    for venue in here.venues.values():
        quote = await venue.quote(COPE, USDC, 1000 * 10**6)
        swap = await venue.build(quote, quote.amount_out * 99 // 100, "memo")
        signed = here.wallet.sign(swap, venue.name, *await here.chain.latest_blockhash())
        await here.chain.send(signed)
        clock.advance(3)
        assert isinstance(await here.chain.status(signed.signature), Landed)


async def test_the_same_bytes_land_once(world: Callable[..., World], clock: Clock) -> None:
    here = world()
    signed = await here.sign(memo="order")
    await here.chain.send(signed)
    first = await here.chain.status(signed.signature)
    clock.advance(20)
    await asyncio.gather(*(chain.send(signed) for chain in (here.chain, world().chain) for _ in range(10)))
    assert await here.chain.status(signed.signature) == first
    assert await here.landed() == {"order": 1}


async def test_two_transactions_of_one_order_both_land_and_show(world: Callable[..., World]) -> None:
    here = world()
    for minimum_out in (1, 2):
        await here.chain.send(await here.sign(memo="order", minimum_out=minimum_out))
    assert await here.landed() == {"order": 2}


SPLIT = (Swap("raydium", SOL, USDC, 4 * 10**8, 0), Swap("orca", SOL, USDC, 6 * 10**8, 0))
PRIORITY_FEE = 10_000  # the setting's default
HOPS = (Swap("orca", SOL, COPE, 10**9, 0), Swap("raydium", COPE, USDC, 1, 0))


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT *, (extract(epoch FROM lands_at) * 1000)::bigint AS at FROM sim.swaps"
        )
        return [dict(row) async for row in cursor]


async def test_all_legs_of_a_split_land_as_one_swap(world: Callable[..., World], database: Database) -> None:
    here = world(sim_seed="legs")
    signed = await here.sign(memo="order", legs=SPLIT)
    await here.chain.send(signed)
    (swap,) = await rows(database)
    market = Market("legs")
    dexes: tuple[Dex, Dex] = (Raydium(market), Orca(market))
    gives = [
        dex.quote_at(SOL, USDC, leg.amount_in, swap["at"]).amount_out
        for dex, leg in zip(dexes, SPLIT, strict=True)
    ]
    assert await here.chain.status(signed.signature) == Landed(
        swap["slot"], sum(gives), NETWORK_FEE, PRIORITY_FEE
    )
    assert [(leg["venue"], leg["amountIn"], leg["amountOut"]) for leg in swap["legs"]] == [
        ("raydium", 4 * 10**8, gives[0]),
        ("orca", 6 * 10**8, gives[1]),
    ]
    assert await here.landed() == {"order": 1}


async def test_a_second_hop_sells_all_that_the_first_one_gave(
    world: Callable[..., World], database: Database
) -> None:
    here = world()
    await here.chain.send(await here.sign(legs=HOPS))
    (swap,) = await rows(database)
    first, second = swap["legs"]
    assert (first["tokenOut"], second["tokenIn"]) == ("COPE", "COPE")
    assert first["amountOut"] == second["amountIn"] > 1
    assert second["amountOut"] == swap["amount_out"]


async def test_a_swap_of_one_leg_shows_that_leg(world: Callable[..., World], database: Database) -> None:
    here = world()
    await here.chain.send(await here.sign())
    (swap,) = await rows(database)
    assert swap["legs"] == [
        {
            "venue": "meteora",
            "tokenIn": "SOL",
            "tokenOut": "USDC",
            "amountIn": 10**9,
            "amountOut": swap["amount_out"],
        }
    ]


async def test_legs_that_give_less_than_the_minimum_together_do_not_land(world: Callable[..., World]) -> None:
    here = world()
    signed = await here.sign(legs=SPLIT, minimum_out=10**15)
    await here.chain.send(signed)
    found = await here.chain.status(signed.signature)
    assert isinstance(found, ProgramError)
    assert isinstance(found.error, SlippageExceeded)
    assert await here.landed() == {}


async def test_when_one_leg_cannot_be_filled_none_is(world: Callable[..., World]) -> None:
    here = world()
    much = 10**17  # more than Orca's positions take
    legs = Swap("raydium", SOL, USDC, 10**9, 0), Swap("orca", SOL, USDC, much, 0)
    signed = await here.sign(legs=legs, amount_in=10**9 + much)
    await here.chain.send(signed)
    found = await here.chain.status(signed.signature)
    assert isinstance(found, ProgramError)
    assert isinstance(found.error, InsufficientLiquidity)
    assert await here.landed() == {}


@pytest.mark.parametrize(
    "legs",
    [
        SPLIT[:1],  # sells less than the swap
        (*SPLIT, SPLIT[0]),  # sells more
        HOPS[:1],  # leaves what no leg sells on
    ],
)
async def test_legs_that_are_not_the_swap_are_refused(
    world: Callable[..., World], legs: tuple[Swap, ...]
) -> None:
    here = world()
    with pytest.raises(TransactionFailed, match="legs are not the swap"):
        await here.chain.send(await here.sign(legs=legs))
    assert await here.landed() == {}


async def test_a_fill_below_the_minimum_fails_on_chain(world: Callable[..., World]) -> None:
    here = world()
    signed = await here.sign(minimum_out=10**15)
    await here.chain.send(signed)
    found = await here.chain.status(signed.signature)
    assert isinstance(found, ProgramError)
    assert isinstance(found.error, SlippageExceeded)
    assert await here.landed() == {}


async def test_an_order_the_pool_cannot_fill_fails_on_chain(world: Callable[..., World]) -> None:
    here = world()
    signed = await here.sign(amount_in=2**63 - 1)
    await here.chain.send(signed)
    found = await here.chain.status(signed.signature)
    assert isinstance(found, ProgramError)
    assert isinstance(found.error, InsufficientLiquidity)


async def test_a_transaction_that_was_never_sent_has_no_status(world: Callable[..., World]) -> None:
    here = world()
    assert await here.chain.status((await here.sign()).signature) is None


async def test_many_statuses_at_once_are_each_their_own(world: Callable[..., World]) -> None:
    here = world()
    signed = [await here.sign(minimum_out=10**15 if number % 3 == 0 else 1) for number in range(30)]
    await asyncio.gather(*(here.chain.send(signed[number]) for number in range(30) if number % 5))
    found = await asyncio.gather(*(here.chain.status(transaction.signature) for transaction in signed))
    assert [type(status) for status in found] == [
        type(None) if number % 5 == 0 else ProgramError if number % 3 == 0 else Landed for number in range(30)
    ]


async def test_a_block_comes_every_slot_and_a_blockhash_lives_for_its_slots(
    world: Callable[..., World], clock: Clock
) -> None:
    here = world(sim_slot_ms=1000, sim_blockhash_slots=10)
    height = await here.chain.block_height()
    blockhash, last_valid = await here.chain.latest_blockhash()
    assert last_valid == height + 10
    clock.advance(5)
    assert await here.chain.block_height() == height + 5
    assert (await here.chain.latest_blockhash())[0] != blockhash


async def test_an_expired_transaction_is_refused(world: Callable[..., World], clock: Clock) -> None:
    here = world()
    signed = await here.sign()
    clock.advance(61)
    assert await here.chain.block_height() > signed.last_valid_block_height
    with pytest.raises(BlockhashExpired):
        await here.chain.send(signed)
    assert await here.landed() == {}


@pytest.mark.parametrize(("blockhash", "later"), [("11111111", 0), (None, 1)], ids=["made up", "longer"])
async def test_an_unknown_blockhash_is_refused(
    world: Callable[..., World], blockhash: str | None, later: int
) -> None:
    here = world()
    given, last_valid = await here.chain.latest_blockhash()
    swap = Swap("meteora", SOL, USDC, 10**9, 1)
    with pytest.raises(BlockhashExpired):
        await here.chain.send(here.wallet.sign(swap, "order", blockhash or given, last_valid + later))


async def test_a_transaction_due_after_its_expiry_never_lands(
    world: Callable[..., World], clock: Clock
) -> None:
    here = world(sim_latency=1.0)
    signed = await here.sign(memo="order")
    clock.advance(59)
    assert await here.chain.send(signed) == signed.signature
    clock.advance(600)
    assert await here.chain.status(signed.signature) is None
    assert await here.landed() == {}


async def test_a_send_that_was_paused_until_the_expiry_lands_nothing(
    world: Callable[..., World], clock: Clock
) -> None:
    here = world()
    clock.advance(-300)  # the sender looked at the clock five minutes ago, and its row arrives now
    signed = await here.sign(memo="order")
    await here.chain.send(signed)
    clock.advance(300)
    assert await here.chain.status(signed.signature) is None
    assert await here.landed() == {}


async def test_changed_bytes_are_refused(world: Callable[..., World]) -> None:
    here = world()
    signed = await here.sign(minimum_out=100)
    forged = replace(signed, raw=signed.raw.replace(b'"minimum_out":100', b'"minimum_out":1'))
    with pytest.raises(TransactionFailed):
        await here.chain.send(forged)
    assert await here.landed() == {}


async def test_a_dropped_transaction_can_be_sent_again(world: Callable[..., World]) -> None:
    here = world(sim_faults="send-dropped times=2")
    signed = await here.sign(memo="order")
    for _ in range(2):
        assert await here.chain.send(signed) == signed.signature
        assert await here.chain.status(signed.signature) is None
    await here.chain.send(signed)
    assert isinstance(await here.chain.status(signed.signature), Landed)
    assert await here.landed() == {"order": 1}


async def test_a_transaction_whose_reply_was_lost_has_landed(world: Callable[..., World]) -> None:
    here = world(sim_faults="reply-lost times=1")
    signed = await here.sign(memo="order")
    with pytest.raises(TimeoutError):
        await here.chain.send(signed)
    assert isinstance(await here.chain.status(signed.signature), Landed)
    assert await here.chain.send(signed) == signed.signature
    assert await here.landed() == {"order": 1}


async def test_injected_slippage_counts_transactions_and_not_sends(world: Callable[..., World]) -> None:
    here = world(sim_faults="slippage times=2")
    outcomes = []
    for minimum_out in (1, 2, 3):  # three transactions for one order, each sent three times
        signed = await here.sign(memo="order", minimum_out=minimum_out)
        for _ in range(3):
            await here.chain.send(signed)
        outcomes.append(type(await here.chain.status(signed.signature)))
    assert outcomes == [ProgramError, ProgramError, Landed]
    assert await here.landed() == {"order": 1}


async def test_a_fault_is_counted_for_all_processes_together(world: Callable[..., World]) -> None:
    for here in (world(sim_faults="quote-timeout times=2"), world(sim_faults="quote-timeout times=2")):
        with pytest.raises(QuoteTimeout):
            await here.venues["raydium"].quote(SOL, USDC, 10**9)
    third = world(sim_faults="quote-timeout times=2")
    assert (await third.venues["raydium"].quote(SOL, USDC, 10**9)).amount_out > 0
    with pytest.raises(QuoteTimeout):  # another amount is another subject
        await third.venues["raydium"].quote(SOL, USDC, 2 * 10**9)


async def test_a_fault_applies_again_after_minutes_without_use(
    world: Callable[..., World], database: Database
) -> None:
    here = world(sim_faults="quote-timeout times=1")
    with pytest.raises(QuoteTimeout):
        await here.venues["raydium"].quote(SOL, USDC, 10**9)
    async with database.connection() as connection:
        await connection.execute("UPDATE sim.faults SET met_at = now() - interval '6 minutes'")
    with pytest.raises(QuoteTimeout):
        await here.venues["raydium"].quote(SOL, USDC, 10**9)


async def test_without_faults_quotes_and_blockhashes_need_no_database(clock: Clock) -> None:
    here = World(Database("postgresql://127.0.0.1:1/none"))
    assert (await here.venues["meteora"].quote(SOL, USDC, 10**9)).amount_out > 0
    assert (await here.sign()).signature


async def test_while_the_database_is_unavailable_so_is_the_chain(clock: Clock) -> None:
    database = Database("postgresql://127.0.0.1:1/none", timeout=0.2)
    here = World(database)
    signed = await here.sign()
    try:
        with pytest.raises(TemporarilyUnavailable):
            await here.chain.send(signed)
        with pytest.raises(TemporarilyUnavailable):
            await here.chain.status(signed.signature)
    finally:
        await database.close()
