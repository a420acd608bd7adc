"""Creation, claims and steps of orders: the contract of the store, in memory and in Postgres."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.errors import ClaimLost
from chalicelib.domain.events import Event, OrderAccepted
from chalicelib.domain.lifecycle import TERMINAL, Actor, Status, sources
from chalicelib.domain.order import Order
from chalicelib.ports.store import Claim, Held, NewOrder

from tests.integration.adapters.postgres.shop import SIGNED, TERMS, Shop
from tests.samples import step


async def test_a_new_order_is_stored_with_its_first_event(shop: Shop) -> None:
    order_id = str(uuid.uuid4())
    event = await shop.store.create(NewOrder(order_id, TERMS))
    assert isinstance(event, Event)
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


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.FAILED])
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
