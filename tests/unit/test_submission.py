from __future__ import annotations

import pytest
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.order import Terms
from chalicelib.domain.tokens import find_token
from chalicelib.services.submission import Submission

from tests.fakes import MemoryEvents, MemoryQueue, MemoryStore

SOL, USDC = (found for symbol in ("SOL", "USDC") if (found := find_token(symbol)))
TERMS = Terms(SOL, USDC, 1_500_000_000, 50)


class World:
    def __init__(self) -> None:
        self.store, self.queue, self.events = MemoryStore(), MemoryQueue(), MemoryEvents()
        self.submission = Submission(self.store, self.queue, self.events, new_id=lambda: "new")


async def test_an_order_is_stored_queued_and_told_of() -> None:
    world = World()
    event = await world.submission.submit(TERMS)
    assert event.to_wire() == world.store.log["new"][0].to_wire()
    assert (event.seq, event.status, event.attempt, dict(event.detail)) == (1, "pending", 1, TERMS.to_wire())
    assert world.queue.sent == ["new"]
    assert world.events.published == [event]


async def test_without_a_store_nothing_is_queued_and_nobody_is_told() -> None:
    world = World()
    world.store.away = True
    with pytest.raises(TemporarilyUnavailable):
        await world.submission.submit(TERMS)
    assert (world.store.rows, world.queue.sent, world.events.published) == ({}, [], [])


async def test_an_order_that_could_not_be_queued_is_taken_all_the_same_for_the_sweep_to_queue() -> None:
    world = World()
    world.queue.away = True
    assert (await world.submission.submit(TERMS)).status == "pending"
    await world.store.pass_time(61)
    assert await world.store.take_overdue(10) == ["new"]


async def test_a_silent_doorbell_takes_no_order_away() -> None:
    world = World()
    world.events.away = True
    await world.submission.submit(TERMS)
    assert world.queue.sent == ["new"]
