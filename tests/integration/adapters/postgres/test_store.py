"""The contract of the store, in memory and in Postgres."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from chalicelib.api.wire.events import event_detail, event_message
from chalicelib.domain.errors import ClaimLost
from chalicelib.domain.events import OrderAccepted
from chalicelib.domain.lifecycle import TERMINAL, Actor, Status, sources
from chalicelib.domain.order import Order
from chalicelib.domain.terms import MAX_BASE_UNITS
from chalicelib.ports.store import Claim, Held, NewOrder, Reason, Store
from chalicelib.services.sweep import Sweep

from tests.fakes import MemoryQueue
from tests.integration.adapters.postgres.shop import SIGNED, SOL, TERMS, Shop
from tests.samples import event_of, step


async def test_a_new_order_is_stored_with_its_first_event(shop: Shop) -> None:
    order_id = str(uuid.uuid4())
    event = await shop.store.create(NewOrder(order_id, TERMS))
    assert (event.order_id, event.seq, event.status, event.attempt) == (order_id, 1, Status.PENDING, 1)
    assert event.detail == event_detail(OrderAccepted(TERMS))
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.terms, order.status, order.attempt, order.seq) == (TERMS, Status.PENDING, 1, 1)
    assert order.created_at.tzinfo is not None
    assert await shop.store.events(order_id) == [event]


async def test_an_unknown_order_is_none_and_has_no_events(shop: Shop) -> None:
    unknown = str(uuid.uuid4())
    assert await shop.store.order(unknown) is None
    assert await shop.store.claim(unknown) is None
    assert await shop.store.events(unknown) == []
    assert await shop.store.last_seqs([unknown]) == {}
    assert await shop.store.last_seqs([]) == {}
    await shop.store.check()


async def test_a_claim_moves_a_pending_order_to_routing(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    assert (claim.order.status, claim.order.seq, claim.resumed) == (Status.ROUTING, 2, False)
    assert claim.transaction is None
    [_, event] = await shop.store.events(order_id)
    assert (event.seq, event.status, event.at, event.detail) == (2, "routing", claim.order.updated_at, {})


async def test_of_ten_claims_at_once_one_is_granted_and_the_others_receive_the_remaining_lease(
    shop: Shop,
) -> None:
    order_id = await shop.new()
    claims = await asyncio.gather(*(shop.store.claim(order_id) for _ in range(10)))
    assert len([claim for claim in claims if isinstance(claim, Claim)]) == 1
    held = [claim for claim in claims if isinstance(claim, Held)]
    assert len(held) == 9
    assert all(15_000 < claim.remaining_ms <= 20_000 for claim in held)
    assert await shop.steps(order_id) == [(1, "pending", 1), (2, "routing", 1)]


async def test_a_lost_workers_order_is_resumed_at_its_status_with_the_signed_transaction(shop: Shop) -> None:
    order_id = await shop.new()
    lost = await shop.claim(order_id)
    await shop.move(lost, Status.BUILDING, venue="meteora", transaction=SIGNED)
    await shop.pass_time(21)
    claim = await shop.claim(order_id)
    assert claim.fence > lost.fence
    assert (claim.resumed, claim.order.status, claim.order.venue) == (True, Status.BUILDING, "meteora")
    assert claim.transaction == SIGNED
    assert len(await shop.steps(order_id)) == 3  # a resumed claim is no step


async def test_every_step_renews_the_lease(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    await shop.pass_time(15)
    await shop.move(claim, Status.BUILDING)
    await shop.pass_time(15)
    assert isinstance(await shop.store.claim(order_id), Held)


async def test_a_stale_claim_changes_nothing(shop: Shop) -> None:
    order_id = await shop.new()
    stale = await shop.claim(order_id)
    await shop.pass_time(21)
    await shop.claim(order_id)
    before = await shop.store.order(order_id), await shop.store.events(order_id)
    for status in (Status.BUILDING, Status.PENDING, Status.FAILED):
        with pytest.raises(ClaimLost):
            await shop.move(stale, status)
    with pytest.raises(ClaimLost):
        await shop.store.release(stale, 0)
    assert (await shop.store.order(order_id), await shop.store.events(order_id)) == before


async def test_of_a_stale_and_a_current_claim_in_one_batch_only_the_stale_one_is_lost(shop: Shop) -> None:
    order_id = await shop.new()
    stale = await shop.claim(order_id)
    await shop.pass_time(21)
    living = await shop.claim(order_id)
    results = await asyncio.gather(
        *(shop.move(claim, Status.BUILDING) for claim in (stale, living)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ClaimLost, type(None)]
    assert len(await shop.steps(order_id)) == 3


STEPS_TO: dict[Status, list[Status]] = {  # from `routing`, where a claim has brought the order
    Status.PENDING: [Status.PENDING],
    Status.ROUTING: [],
    Status.BUILDING: [Status.BUILDING],
    Status.SUBMITTED: [Status.BUILDING, Status.SUBMITTED],
    Status.CONFIRMED: [Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED],
    Status.FAILED: [Status.FAILED],
}


async def reach(shop: Shop, status: Status) -> Claim:
    """The claim of a new order that has this status."""
    claim = await shop.claim(await shop.new())
    await shop.move(claim, *STEPS_TO[status])
    return claim


@pytest.mark.parametrize("target", Status)
@pytest.mark.parametrize("source", STEPS_TO)
async def test_a_store_records_a_step_of_a_worker_exactly_where_the_lifecycle_lists_it(
    shop: Shop, source: Status, target: Status
) -> None:
    claim = await reach(shop, source)
    before = await shop.steps(claim.order.id)
    if source in sources(target, Actor.WORKER):
        await shop.move(claim, target)
        assert (await shop.steps(claim.order.id))[-1][1] == target
    else:
        with pytest.raises(ClaimLost):
            await shop.move(claim, target)
        assert await shop.steps(claim.order.id) == before


@pytest.mark.parametrize("source", STEPS_TO)
async def test_a_store_claims_and_redrives_exactly_where_the_lifecycle_lists_it(
    shop: Shop, source: Status
) -> None:
    claim = await reach(shop, source)
    await shop.pass_time(21)  # the lease is over
    claimed = await shop.store.claim(claim.order.id)
    is_new = isinstance(claimed, Claim) and not claimed.resumed
    assert is_new == (source in sources(Status.ROUTING, Actor.CLAIM))
    assert isinstance(claimed, Order) == (source in TERMINAL)
    redriven = await shop.store.redrive((await reach(shop, source)).order.id)
    assert (redriven is not None) == (source in sources(Status.PENDING, Actor.OPERATOR))


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_an_order_that_has_ended_is_returned_and_not_claimed(shop: Shop, status: Status) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    if status is Status.CONFIRMED:
        await shop.move(claim, Status.BUILDING, Status.SUBMITTED)
    await shop.move(claim, status)
    found = await shop.store.claim(order_id)
    assert isinstance(found, Order)
    assert found.status is status
    with pytest.raises(ClaimLost):
        await shop.store.release(claim, 0)


async def test_a_retried_order_is_pending_in_its_next_attempt_without_a_transaction(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    await shop.move(claim, Status.BUILDING, transaction=SIGNED)
    event = await shop.store.record(step(claim, Status.PENDING, retry_in_ms=500, error="No.", code="X"))
    assert (event.seq, event.attempt, event.detail["retryInMs"]) == (4, 2, 500)
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.status, order.attempt, order.error, order.code) == (Status.PENDING, 2, "No.", "X")
    again = await shop.claim(order_id)  # the lease is over
    assert (again.resumed, again.transaction, again.order.attempt) == (False, None, 2)
    assert (await shop.steps(order_id))[-1] == (5, "routing", 2)


async def test_a_released_order_can_be_claimed_at_once_and_keeps_its_status(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    await shop.move(claim, Status.BUILDING, transaction=SIGNED)
    await shop.store.release(claim, 5000)
    again = await shop.claim(order_id)
    assert (again.resumed, again.transaction, again.order.status) == (True, SIGNED, Status.BUILDING)


@pytest.mark.parametrize("amount", [1, 2**53 + 1, MAX_BASE_UNITS])  # 2^53 + 1: no float holds it
async def test_amounts_are_read_back_to_the_last_base_unit(shop: Shop, amount: int) -> None:
    order_id = await shop.new(replace(TERMS, amount_in=amount))
    claim = await shop.claim(order_id)
    assert claim.order.terms.amount_in == amount
    await shop.move(claim, Status.BUILDING, quoted_out=amount, minimum_out=amount - 1)
    await shop.move(claim, Status.SUBMITTED)
    await shop.move(claim, Status.CONFIRMED, amount_out=amount, signature="hash")
    order = await shop.store.order(order_id)
    assert order is not None
    assert (order.quoted_out, order.minimum_out, order.amount_out) == (amount, amount - 1, amount)
    assert order.terms.amount_in == amount
    assert (await shop.store.events(order_id))[0].detail["amount"] == SOL.text(amount)


async def test_an_events_detail_is_read_back_as_it_was_written(shop: Shop) -> None:
    order_id = await shop.new()
    claim = await shop.claim(order_id)
    event = await shop.store.record(step(claim, Status.BUILDING))
    read = (await shop.store.events(order_id, 2))[0]
    assert read == event
    assert event_message(read).text == event_message(event).text  # in the same order too
    assert read.detail == event_detail(event_of(Status.BUILDING))


async def test_many_readers_at_once_each_get_their_orders_events_after_their_seq(shop: Shop) -> None:
    orders = [await shop.new() for _ in range(5)]
    for order_id in orders[:3]:
        await shop.end(order_id)
    reads = [(order_id, after) for order_id in orders for after in (0, 1, 2, 9)]
    found = await asyncio.gather(*(shop.store.events(*item) for item in reads))
    for (order_id, after), events in zip(reads, found, strict=True):
        total = 3 if order_id in orders[:3] else 1
        assert [event.seq for event in events] == list(range(after + 1, total + 1))
        assert {event.order_id for event in events} <= {order_id}
    assert await shop.store.last_seqs(orders) == dict(zip(orders, (3, 3, 3, 1, 1), strict=True))


async def test_two_hundred_orders_at_once_are_all_stored(shop: Shop) -> None:
    orders = await asyncio.gather(*(shop.new() for _ in range(200)))
    found = await asyncio.gather(*map(shop.store.order, orders))
    assert [order and order.id for order in found] == orders
    claims = await asyncio.gather(*map(shop.claim, orders))
    await asyncio.gather(*(shop.move(claim, Status.BUILDING, Status.SUBMITTED) for claim in claims))
    assert set((await shop.store.last_seqs(orders)).values()) == {4}


async def pages(store: Store, limit: int, status: Status | None = None) -> list[str]:
    """Every order's id, page by page."""
    found: list[str] = []
    before = None
    while page := await store.orders(limit, before, status):
        assert len(page) <= limit
        found += [order.id for order in page]
        before = page[-1].created_at, page[-1].id
    return found


@pytest.mark.parametrize("limit", [1, 3, 10, 50])
async def test_orders_are_listed_newest_first_without_gap_or_duplicate_even_from_one_microsecond(
    shop: Shop, limit: int
) -> None:
    orders = [await shop.new() for _ in range(12)]
    twins = orders[3:9]
    await shop.made_at(twins, datetime(2020, 1, 1, tzinfo=UTC))
    newest_first = [order_id for order_id in orders[::-1] if order_id not in twins]
    assert await pages(shop.store, limit) == newest_first + sorted(twins, reverse=True)


async def test_an_order_created_between_two_pages_shifts_neither(shop: Shop) -> None:
    orders = [await shop.new() for _ in range(4)]
    first = await shop.store.orders(2, None, None)
    await shop.new()
    rest = await shop.store.orders(9, (first[-1].created_at, first[-1].id), None)
    assert [order.id for order in [*first, *rest]] == orders[::-1]


async def test_orders_are_listed_by_status(shop: Shop) -> None:
    orders = [await shop.new() for _ in range(6)]
    for order_id in orders[::2]:
        await shop.end(order_id)
    assert await pages(shop.store, 2, Status.FAILED) == orders[::2][::-1]
    assert await pages(shop.store, 2, Status.PENDING) == orders[1::2][::-1]
    assert await pages(shop.store, 2, Status.CONFIRMED) == []


# Overdue orders


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


# A sweep with this store and a queue in memory


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
