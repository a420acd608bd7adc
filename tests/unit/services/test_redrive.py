from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import NewOrder
from chalicelib.services.redrive import Redrive, Tally
from chalicelib.services.sweep import Sweep

from tests.fakes import Crash, Fuse, MemoryDeadLetters, MemoryEvents, MemoryQueue, MemoryStore, announcer
from tests.samples import TERMS


class World:
    """Failed orders and their dead letters."""

    def __init__(self) -> None:
        self.store, self.queue, self.dead_letters = MemoryStore(), MemoryQueue(), MemoryDeadLetters()
        self.events = MemoryEvents()

    async def order(self, order_id: str, *statuses: Status, dead_letters: int = 1) -> str:
        await self.store.create(NewOrder(order_id, TERMS))
        for status in statuses:
            self.store.append(order_id, status)
        for _ in range(dead_letters):
            self.dead_letters.put(json.dumps({"orderId": order_id}), order_id)
        return order_id

    def redrive(self, fuse: Fuse | None = None) -> Redrive:
        ports: list[Any] = [self.store, self.queue, self.events, self.dead_letters]
        store, queue, events, letters = (fuse.through(port) if fuse else port for port in ports)
        return Redrive(store, queue, announcer(events), letters)

    def redriven(self, order_id: str) -> list[int]:
        """The numbers of its redrives, from its events."""
        return [e.detail["redriven"] for e in self.store.log[order_id] if "redriven" in e.detail]  # type: ignore[misc]


async def test_a_failed_order_gets_a_new_set_of_attempts_and_its_dead_letter_is_deleted() -> None:
    world = World()
    await world.order("one", Status.FAILED)
    tally = await world.redrive().run(LOCAL)
    assert (tally.redriven, tally.is_clean, tally.read) == (["one"], True, 1)
    *_, failed, pending = world.store.log["one"]
    assert (failed.status, pending.status) == (Status.FAILED, Status.PENDING)
    assert (pending.seq, pending.attempt, pending.detail) == (failed.seq + 1, 1, {"redriven": 1})
    assert world.queue.sent == ["one"]
    assert not world.dead_letters.by_id


async def test_a_redrive_is_published() -> None:
    world = World()
    await world.order("one", Status.FAILED)
    await world.redrive().run(LOCAL)
    assert world.events.published == [world.store.log["one"][-1]]


async def test_an_order_with_several_dead_letters_is_redriven_once() -> None:
    world = World()
    await world.order("one", Status.FAILED, dead_letters=7)  # on three pages
    tally = await world.redrive().run(LOCAL)
    assert (tally.redriven, world.queue.sent, world.redriven("one")) == (["one"], ["one"], [1])
    assert tally.is_clean
    assert not world.dead_letters.by_id


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.PENDING, Status.SUBMITTED])
async def test_an_order_that_is_not_failed_is_unchanged_and_its_dead_letter_is_deleted(
    status: Status,
) -> None:
    world = World()
    await world.order("one", status)
    before = world.store.log["one"].copy()
    tally = await world.redrive().run(LOCAL)
    assert (tally.redriven, tally.dropped, tally.is_clean) == ([], {"one": status}, True)
    assert (world.store.log["one"], world.queue.sent) == (before, [])
    assert not world.dead_letters.by_id


async def test_a_message_without_an_order_stays_and_stays_visible() -> None:
    world = World()
    without_order = [
        world.dead_letters.put("not JSON"),
        world.dead_letters.put('{"orderId": "x"}', "unknown"),
    ]
    await world.order("one", Status.FAILED)
    tally = await world.redrive().run(LOCAL)
    assert (tally.redriven, tally.poison, tally.is_clean) == (["one"], without_order, False)
    assert [*world.dead_letters.by_id.values()] == without_order
    assert not world.dead_letters.hidden


async def test_only_the_orders_named_are_redriven() -> None:
    world = World()
    for number in range(8):
        await world.order(f"order-{number}", Status.FAILED)
    tally = await world.redrive().run(LOCAL, {"order-1", "order-6"})
    assert sorted(tally.redriven) == ["order-1", "order-6"]
    assert len(world.dead_letters.by_id) == 6
    assert not world.dead_letters.hidden
    assert tally.is_clean


async def test_an_order_that_is_named_needs_no_dead_letter() -> None:
    world = World()
    await world.order("one", Status.FAILED, dead_letters=0)
    tally = await world.redrive().run(LOCAL, {"one", "unknown"})
    assert (tally.redriven, tally.unknown, tally.is_clean) == (["one"], {"unknown"}, False)
    assert world.queue.sent == ["one"]


async def test_an_order_that_fails_again_at_once_is_redriven_once_and_its_dead_letters_stay() -> None:
    """Else an order that always fails would keep a redrive running without end."""
    world = World()
    await world.order("one", Status.FAILED)

    def fail_again(tally: Tally) -> None:
        if tally.read < 5:
            world.store.append("one", Status.FAILED)
            world.dead_letters.put('{"orderId": "one"}', "one")

    tally = await world.redrive().run(LOCAL, on_page=fail_again)
    assert (tally.redriven, tally.again, tally.is_clean) == (["one"], {"one"}, False)
    assert (world.redriven("one"), world.queue.sent) == ([1], ["one"])
    assert len(world.dead_letters.by_id) == tally.read - 1
    again = await world.redrive().run(LOCAL)
    assert (again.redriven, world.redriven("one")) == (["one"], [1, 2])


async def test_two_at_once_redrive_each_order_once() -> None:
    world = World()
    for number in range(10):
        await world.order(f"order-{number}", Status.FAILED, dead_letters=2)
    tallies = await asyncio.gather(*(world.redrive().run(LOCAL) for _ in range(2)))
    assert sorted(tallies[0].redriven + tallies[1].redriven) == sorted(world.store.rows)
    assert sorted(world.queue.sent) == sorted(world.store.rows)
    assert not world.dead_letters.by_id


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 14))
async def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(step: int, after: bool) -> None:
    world = World()
    await world.order("one", Status.FAILED)
    await world.order("two", Status.FAILED, dead_letters=2)
    await world.order("three", Status.FAILED)
    fuse = Fuse(step, after=after)
    try:
        await world.redrive(fuse).run(LOCAL)
    except Crash:
        pass
    else:
        assert not fuse.burnt or after, "the crash was swallowed"
    world.dead_letters.hidden.clear()  # their visibility timeout is over
    await world.redrive().run(LOCAL)
    await world.store.pass_time(121)
    await Sweep(world.store, world.queue).run()
    for order_id in ("one", "two", "three"):
        assert world.redriven(order_id) == [1]
        assert world.store.rows[order_id].order.status is Status.PENDING
        assert order_id in world.queue.sent
    assert not world.dead_letters.by_id


@pytest.mark.parametrize("server", ["store", "queue", "dead_letters"])
async def test_while_a_server_is_unavailable_nothing_is_lost(server: str) -> None:
    world = World()
    await world.order("one", Status.FAILED)
    port = getattr(world, server)
    port.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.redrive().run(LOCAL)
    port.unavailable = False
    assert world.dead_letters.by_id
    assert not world.dead_letters.hidden
    await world.redrive().run(LOCAL)
    await world.store.pass_time(61)
    await Sweep(world.store, world.queue).run()
    assert world.redriven("one") == [1]
    assert "one" in world.queue.sent
    assert not world.dead_letters.by_id


async def test_an_order_is_redriven_while_redis_is_unavailable() -> None:
    world = World()
    world.events.unavailable = True
    await world.order("one", Status.FAILED)
    assert (await world.redrive().run(LOCAL)).redriven == ["one"]


async def test_reading_returns_every_dead_letter_oldest_first_and_deletes_none() -> None:
    world = World()
    for age_s in (1.0, 5.0, 3.0, 4.0, 2.0):
        world.dead_letters.put("x", age_s=age_s)
    counts: list[int] = []
    found = await world.redrive().read(LOCAL, counts.append)
    assert [dead_letter.message_id for dead_letter in found] == [f"message-{n}" for n in (2, 4, 3, 5, 1)]
    assert counts == [3, 5]
    assert len(world.dead_letters.by_id) == 5
    assert not world.dead_letters.hidden


async def test_dead_letters_are_deleted_by_their_ids_and_no_others() -> None:
    world = World()
    for _ in range(8):
        world.dead_letters.put("not JSON")
    found = await world.redrive().delete(LOCAL, {"message-2", "message-8", "message-9"})
    assert [dead_letter.message_id for dead_letter in found] == ["message-2", "message-8"]
    assert len(world.dead_letters.by_id) == 6
    assert not world.dead_letters.hidden


async def test_the_tally_is_reported_page_by_page() -> None:
    world = World()
    for number in range(7):
        await world.order(f"order-{number}", Status.FAILED)
    counts: list[int] = []
    await world.redrive().run(LOCAL, on_page=lambda tally: counts.append(tally.read))
    assert counts == [3, 6, 7]
