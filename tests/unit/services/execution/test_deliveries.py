"""Deliveries of an order's message: duplicates, lost claims, and orders that are not there."""

from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.services.execution import Outcome

from tests.fakes import eventually
from tests.unit.services.execution.world import LEASE_S, ORDER, World


async def test_the_message_of_an_order_that_another_worker_holds_is_done() -> None:
    world = await World().submit()
    await world.store.claim(ORDER)
    await world.store.pass_time(30)
    assert await world.deliver() == Outcome(done=True)
    assert world.steps == [("pending", 1), ("routing", 1)]


async def test_the_message_of_a_confirmed_order_is_done_at_every_delivery() -> None:
    world = await World().submit()
    await world.deliver()
    sent, steps = len(world.chain.sent), world.steps
    assert await world.deliver() == Outcome(done=True)
    assert (len(world.chain.sent), world.steps) == (sent, steps)


async def test_the_message_of_an_unknown_order_is_left_to_the_dead_letter_queue() -> None:
    assert await World().worker().process(ORDER) == Outcome(done=False)


async def test_the_message_of_a_withdrawn_order_is_done() -> None:
    world = await World().submit()
    assert await world.store.withdraw(ORDER)
    assert await world.deliver() == Outcome(done=True)


async def test_an_unavailable_store_raises() -> None:
    world = await World().submit()
    world.store.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.deliver()


@pytest.mark.parametrize("reached", ["routing", "building", "submitted"])
async def test_a_claim_lost_to_another_worker_changes_nothing(reached: str) -> None:
    world = await World(lives=10_000).submit()
    world.chain.script.extend(["hang"] * 1000)
    if reached == "routing":
        world.meteora.script.append(None)
    if reached == "building":
        world.chain.takes_sends.clear()
    slow = asyncio.create_task(world.deliver())
    await eventually(lambda: world.status.value == reached)
    await world.store.pass_time(LEASE_S + 1)
    taken = await world.store.claim(ORDER)  # another worker, which is then lost
    before = world.steps
    world.chain.settle()
    world.chain.takes_sends.set()
    outcome = await slow
    assert not outcome.done
    assert outcome.retry_in_ms > 0
    assert world.steps == before
    assert taken is not None
    await world.store.pass_time(LEASE_S + 1)
    world.chain.script.clear()
    await world.deliver_until_it_ends()
    assert world.status is Status.CONFIRMED
    world.check()


async def test_ten_deliveries_at_once_make_one_swap() -> None:
    world = await World().submit()
    outcomes = await asyncio.gather(*(world.deliver() for _ in range(10)))
    assert outcomes == [Outcome(done=True)] * 10  # one has filled it, the others found it claimed
    assert world.status is Status.CONFIRMED
    world.check()
