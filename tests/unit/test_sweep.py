from __future__ import annotations

import pytest
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Terms
from chalicelib.domain.tokens import find_token
from chalicelib.services.ports import NewOrder
from chalicelib.services.sweep import Sweep

from tests.fakes import MemoryQueue, MemoryStore

SOL, USDC = (found for symbol in ("SOL", "USDC") if (found := find_token(symbol)))
TERMS = Terms(SOL, USDC, 10**9, 100)


async def overdue(orders: int) -> tuple[MemoryStore, MemoryQueue]:
    store = MemoryStore(lease_ms=20_000, sweep_after_ms=60_000)
    for number in range(orders):
        await store.create(NewOrder(f"order-{number}", TERMS))
    await store.pass_time(61)
    return store, MemoryQueue()


@pytest.mark.parametrize("orders", [0, 1, 3, 4, 6])  # with batches of 3: none, part, one, and more
async def test_every_overdue_order_is_queued_once(orders: int) -> None:
    store, queue = await overdue(orders)
    assert await Sweep(store, queue, batch=3).run() == orders
    assert sorted(queue.sent) == sorted(store.rows)
    assert await Sweep(store, queue).run() == 0


async def test_what_is_new_held_or_over_is_left_alone() -> None:
    store, queue = await overdue(3)
    await store.claim("order-0")  # somebody works on it
    store.append("order-1", Status.FAILED)
    await store.create(NewOrder("order-3", TERMS))
    await Sweep(store, queue).run()
    assert queue.sent == ["order-2"]


async def test_what_a_lost_worker_left_behind_is_queued_when_its_lease_is_long_over() -> None:
    store, queue = await overdue(1)
    await store.claim("order-0")
    await store.pass_time(79)
    assert await Sweep(store, queue).run() == 0
    await store.pass_time(2)
    assert await Sweep(store, queue).run() == 1


async def test_an_order_whose_message_was_lost_again_is_swept_again() -> None:
    store, queue = await overdue(1)
    await Sweep(store, queue).run()
    await store.pass_time(121)
    await Sweep(store, queue).run()
    assert queue.sent == ["order-0"] * 2


async def test_a_queue_that_is_away_says_so_and_the_next_sweep_makes_up_for_it() -> None:
    store, queue = await overdue(2)
    queue.away = True
    with pytest.raises(TemporarilyUnavailable):
        await Sweep(store, queue).run()
    queue.away = False
    await store.pass_time(121)
    assert await Sweep(store, queue).run() == 2
