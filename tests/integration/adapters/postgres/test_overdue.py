"""Overdue orders, and a sweep with this store and a queue in memory: the contract of the store."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import pytest
from chalicelib.domain.account import Account
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import Claim, Reason
from chalicelib.services.sweep import Sweep

from tests.fakes import MemoryQueue
from tests.integration.adapters.postgres.shop import Shop
from tests.samples import step


async def test_unacknowledged_orders_are_taken_once_oldest_first_and_at_most_the_limit(
    shop: Shop,
) -> None:
    orders = [await shop.new() for _ in range(5)]
    assert await shop.take_overdue() == {}
    await shop.pass_time(61)
    assert await shop.take_overdue(3) == dict.fromkeys(orders[:3], Reason.UNACKNOWLEDGED)
    assert await shop.take_overdue(3) == dict.fromkeys(orders[3:], Reason.UNACKNOWLEDGED)
    assert await shop.take_overdue(3) == {}
    await shop.pass_time(59)
    assert await shop.take_overdue() == {}
    await shop.pass_time(2)
    assert set(await shop.take_overdue()) == set(orders)  # their messages were not acknowledged either


async def test_no_order_of_a_backlog_is_overdue_however_long_it_waits(shop: Shop) -> None:
    backlog = [await shop.queued() for _ in range(20)]
    for _ in range(5):
        await shop.pass_time(1000)
        assert await shop.store.any_queued_overdue()
        assert await shop.take_overdue() == {}
        await shop.end(backlog.pop(0))  # the backlog shrinks, slowly
        await shop.queued()


async def test_an_order_that_was_queued_again_waits_like_any_other(shop: Shop) -> None:
    lost, unacknowledged = await shop.queued(), await shop.new()
    await shop.claim(lost)
    await shop.pass_time(81)
    assert await shop.take_overdue() == {lost: Reason.WORKER_GONE, unacknowledged: Reason.UNACKNOWLEDGED}
    await shop.store.acknowledge([lost, unacknowledged])
    for _ in range(5):
        await shop.pass_time(1000)
        assert await shop.take_overdue() == {}
    assert await shop.take_overdue(drained=True) == dict.fromkeys(
        (lost, unacknowledged), Reason.QUEUE_DRAINED
    )


async def test_orders_missing_from_a_drained_queue_are_overdue_after_the_sweep_time(shop: Shop) -> None:
    orders = [await shop.queued() for _ in range(3)]
    assert not await shop.store.any_queued_overdue()
    await shop.pass_time(59)
    new = await shop.queued()
    await shop.pass_time(2)
    assert await shop.store.any_queued_overdue()
    assert await shop.take_overdue(drained=True) == dict.fromkeys(orders, Reason.QUEUE_DRAINED)
    assert await shop.take_overdue(drained=True) == {}
    await shop.pass_time(61)
    assert await shop.take_overdue(drained=True) == {
        **dict.fromkeys(orders, Reason.UNACKNOWLEDGED),
        new: Reason.QUEUE_DRAINED,
    }


async def test_an_order_overtaken_by_much_later_ones_is_overdue(shop: Shop) -> None:
    missing = await shop.queued()
    await shop.pass_time(59)
    near = await shop.queued()
    await shop.claim(near)
    await shop.pass_time(30)
    assert await shop.take_overdue() == {}  # too near to prove anything
    later = await shop.queued()
    await shop.pass_time(500)
    assert missing not in await shop.take_overdue()
    await shop.claim(later)
    found = await shop.take_overdue()
    assert found[missing] is Reason.OVERTAKEN
    assert later not in found


async def test_an_order_is_overtaken_by_orders_of_its_own_account_alone(shop: Shop) -> None:
    alice, bob, carol = (Account(name) for name in ("alice", "bob", "carol"))
    waiting = {account: await shop.queued(account) for account in (alice, bob, carol)}
    await shop.pass_time(61)
    await shop.claim(await shop.queued(bob))  # the queue serves bob before the backlog of the others
    assert await shop.take_overdue() == {waiting[bob]: Reason.OVERTAKEN}
    await shop.claim(await shop.queued(alice))
    assert await shop.take_overdue() == {waiting[alice]: Reason.OVERTAKEN}
    assert await shop.take_overdue(drained=True) == {waiting[carol]: Reason.QUEUE_DRAINED}


async def test_an_overdue_order_is_returned_with_its_account(shop: Shop) -> None:
    accounts = [Account(f"account-{number}") for number in range(4)]
    unacknowledged = [await shop.new(account=account) for account in accounts[:2]]
    queued = [await shop.queued(account) for account in accounts[2:]]
    await shop.pass_time(61)
    taken = await shop.store.take_overdue(10, drained_for_ms=0)
    expected = dict(zip(unacknowledged + queued, accounts, strict=True))
    assert {order.order_id: order.account for order in taken} == expected


async def test_an_order_that_was_claimed_needs_no_acknowledgement(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    await shop.store.record(step(claim, Status.PENDING, retry_in_ms=10))
    await shop.store.acknowledge([order_id, str(uuid.uuid4())])
    await shop.pass_time(1000)
    assert await shop.take_overdue() == {}
    assert await shop.take_overdue(drained=True) == {order_id: Reason.QUEUE_DRAINED}


async def test_a_redriven_order_has_to_be_acknowledged_again(shop: Shop) -> None:
    unacknowledged, queued = [await shop.queued() for _ in range(2)]
    for order_id in (unacknowledged, queued):
        await shop.end(order_id)
        await shop.store.redrive(order_id)
    await shop.store.acknowledge([queued])
    await shop.pass_time(61)
    assert await shop.take_overdue() == {unacknowledged: Reason.UNACKNOWLEDGED}


async def test_an_order_that_is_claimed_ended_or_not_yet_due_is_not_overdue(shop: Shop) -> None:
    held, ended, lost = [await shop.queued() for _ in range(3)]
    await shop.end(ended)
    await shop.claim(lost)
    await shop.pass_time(50)
    await shop.claim(held)
    await shop.pass_time(29)
    assert await shop.take_overdue() == {}
    await shop.pass_time(2)
    assert await shop.take_overdue() == {lost: Reason.WORKER_GONE}
    assert isinstance(await shop.store.claim(lost), Claim)  # an overdue order has no lease


async def test_a_released_order_waits_in_the_queue_like_the_rest(shop: Shop) -> None:
    order_id = await shop.queued()
    await shop.store.release(await shop.claim(order_id), 30_000)
    for _ in range(3):
        await shop.pass_time(1000)
        assert await shop.take_overdue() == {}
    assert await shop.take_overdue(drained=True) == {order_id: Reason.QUEUE_DRAINED}


async def test_a_released_order_whose_next_worker_is_lost_is_overdue(shop: Shop) -> None:
    order_id = await shop.queued()
    await shop.store.release(await shop.claim(order_id), 30_000)
    await shop.claim(order_id)  # a duplicate of its message came at once
    await shop.pass_time(79)
    assert await shop.take_overdue() == {}
    await shop.pass_time(2)
    assert await shop.take_overdue() == {order_id: Reason.WORKER_GONE}


def sweep(shop: Shop, queue: MemoryQueue) -> Sweep:
    return Sweep(shop.store, queue, claimed_within_s=0)


async def test_a_backlog_of_any_length_makes_no_duplicate_over_many_passes(shop: Shop) -> None:
    queue = MemoryQueue()
    backlog = [await shop.queued() for _ in range(200)]
    for _ in range(10):
        await shop.pass_time(300)
        await shop.end(backlog.pop(0))
        assert await sweep(shop, queue).run() == Counter()
    assert queue.sent == []


async def test_one_pass_finds_an_unacknowledged_order(shop: Shop) -> None:
    queue, order_id = MemoryQueue(), await shop.new()
    await shop.pass_time(61)
    assert await sweep(shop, queue).run() == {Reason.UNACKNOWLEDGED: 1}
    assert queue.sent == [order_id]


async def test_one_pass_finds_the_orders_a_drained_queue_has_lost(shop: Shop) -> None:
    queue, orders = MemoryQueue(), [await shop.queued() for _ in range(3)]
    queue.waiting = False
    await shop.pass_time(61)
    assert await sweep(shop, queue).run() == {Reason.QUEUE_DRAINED: 3}
    assert sorted(queue.sent) == sorted(orders)


async def test_one_pass_finds_lost_orders_while_new_ones_keep_the_queue_from_draining(
    shop: Shop,
) -> None:
    queue, lost = MemoryQueue(), [await shop.queued() for _ in range(3)]
    await shop.pass_time(61)
    await shop.claim(await shop.queued())
    waiting = await shop.queued()
    assert await sweep(shop, queue).run() == {Reason.OVERTAKEN: 3}
    assert sorted(queue.sent) == sorted(lost)
    assert waiting not in queue.sent


async def test_one_pass_finds_the_order_of_a_lost_worker(shop: Shop) -> None:
    queue, order_id = MemoryQueue(), await shop.queued()
    await shop.claim(order_id)
    await shop.pass_time(20 + 61)
    assert await sweep(shop, queue).run() == {Reason.WORKER_GONE: 1}
    assert queue.sent == [order_id]


@pytest.mark.parametrize("reason", Reason)
async def test_two_sweeps_at_once_queue_each_order_once(shop: Shop, reason: Reason) -> None:
    queue, orders = MemoryQueue(), [await shop.new() for _ in range(50)]
    if reason is not Reason.UNACKNOWLEDGED:
        await shop.store.acknowledge(orders)
    if reason is Reason.WORKER_GONE:
        await asyncio.gather(*map(shop.claim, orders))
    await shop.pass_time(81)
    if reason is Reason.OVERTAKEN:
        await shop.claim(await shop.queued())
    queue.waiting = reason is not Reason.QUEUE_DRAINED
    found = await asyncio.gather(*(sweep(shop, queue).run() for _ in range(2)))
    assert found[0] + found[1] == {reason: 50}
    assert sorted(queue.sent) == sorted(orders)
