from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import NewOrder, Reason
from chalicelib.services.sweep import Sweep

from tests.fakes import MemoryQueue, MemoryStore, eventually
from tests.samples import TERMS


def sweep(store: MemoryStore, queue: MemoryQueue, batch: int = 5000) -> Sweep:
    return Sweep(store, queue, batch=batch, claimed_within_s=0)


async def overdue(orders: int, *, acknowledged: bool = False) -> tuple[MemoryStore, MemoryQueue]:
    """A store with orders created a minute ago, and a queue without their messages."""
    store = MemoryStore(lease_ms=20_000, sweep_after_ms=60_000)
    names = [f"order-{number}" for number in range(orders)]
    for name in names:
        await store.create(NewOrder(name, TERMS))
    if acknowledged:
        await store.acknowledge(names)
    await store.pass_time(61)
    return store, MemoryQueue()


@pytest.mark.parametrize("orders", [0, 1, 5])
async def test_every_order_that_was_never_acknowledged_is_queued_once(orders: int) -> None:
    store, queue = await overdue(orders)
    assert (await sweep(store, queue).run())[Reason.UNACKNOWLEDGED] == orders
    assert sorted(queue.sent) == sorted(store.rows)
    for _ in range(3):
        await store.pass_time(61)
        assert await sweep(store, queue).run() == Counter()  # they wait in the queue now


async def test_a_pass_is_bounded_and_the_next_one_continues() -> None:
    store, queue = await overdue(5)
    for total in (3, 2, 0):
        assert (await sweep(store, queue, batch=3).run()).total() == total
    assert sorted(queue.sent) == sorted(store.rows)


async def test_a_backlog_is_no_reason_to_queue_again() -> None:
    store, queue = await overdue(500, acknowledged=True)
    for _ in range(10):
        assert await sweep(store, queue).run() == Counter()
        await store.pass_time(61)
    assert queue.sent == []


async def test_an_order_lost_by_a_drained_queue_is_queued_again_once() -> None:
    store, queue = await overdue(3, acknowledged=True)
    queue.waiting = False
    sweeps = [sweep(store, queue).run() for _ in range(2)]
    assert sum(await asyncio.gather(*sweeps), Counter()) == {Reason.QUEUE_DRAINED: 3}
    assert sorted(queue.sent) == sorted(store.rows)


async def test_an_order_claimed_just_after_the_queue_drained_is_not_queued() -> None:
    store, queue = await overdue(2, acknowledged=True)
    queue.waiting = False
    sweeping = asyncio.create_task(Sweep(store, queue, claimed_within_s=0.05).run())
    await eventually(lambda: queue.looks == 1)
    await store.claim("order-0")  # the worker that received the other one is lost
    assert await sweeping == {Reason.QUEUE_DRAINED: 1}
    assert queue.sent == ["order-1"]


async def test_an_overtaken_order_is_queued_again_while_new_orders_arrive() -> None:
    store, queue = await overdue(1, acknowledged=True)
    await store.create(NewOrder("later", TERMS))
    await store.acknowledge(["later"])
    assert await sweep(store, queue).run() == Counter()
    await store.claim("later")
    assert await sweep(store, queue).run() == {Reason.OVERTAKEN: 1}
    assert queue.sent == ["order-0"]


async def test_the_queue_is_read_only_when_an_order_is_overdue() -> None:
    store, queue = await overdue(0)
    await sweep(store, queue).run()
    assert queue.looks == 0


async def test_an_order_that_is_new_claimed_or_ended_is_not_queued() -> None:
    store, queue = await overdue(3)
    await store.claim("order-0")  # a worker holds it
    store.append("order-1", Status.FAILED)
    await store.create(NewOrder("order-3", TERMS))
    await sweep(store, queue).run()
    assert queue.sent == ["order-2"]


async def test_a_lost_workers_order_is_queued_long_after_its_lease() -> None:
    store, queue = await overdue(1, acknowledged=True)
    await store.claim("order-0")
    await store.pass_time(79)
    assert await sweep(store, queue).run() == Counter()
    await store.pass_time(2)
    assert await sweep(store, queue).run() == {Reason.WORKER_GONE: 1}


async def test_an_order_whose_message_was_lost_again_is_swept_again() -> None:
    store, queue = await overdue(1)
    await sweep(store, queue).run()
    await store.pass_time(61)
    queue.waiting = False
    await sweep(store, queue).run()
    assert queue.sent == ["order-0"] * 2


async def test_an_unavailable_queue_raises_and_a_later_sweep_queues_the_orders() -> None:
    store, queue = await overdue(2)
    queue.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await sweep(store, queue).run()
    queue.unavailable = False
    await store.pass_time(61)
    assert (await sweep(store, queue).run()).total() == 2


async def test_orders_queued_by_a_failed_pass_are_not_queued_again() -> None:
    store, queue = await overdue(3)
    send = queue.send

    async def refuse_one(order_id: str, account: Account = LOCAL) -> None:
        if order_id == "order-0":
            raise TemporarilyUnavailable("It was refused.")
        await send(order_id, account)

    queue.send = refuse_one  # type: ignore[method-assign]
    with pytest.raises(TemporarilyUnavailable):
        await sweep(store, queue).run()
    queue.send = send  # type: ignore[method-assign]
    await store.pass_time(61)
    await sweep(store, queue).run()
    assert sorted(queue.sent) == ["order-0", "order-1", "order-2"]
