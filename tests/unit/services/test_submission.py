from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import IdempotencyConflict, LimitReached, TemporarilyUnavailable
from chalicelib.domain.events import OrderAccepted
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import Terms
from chalicelib.ports.store import Claim, Reason
from chalicelib.services.submission import Submission, Submitted

from tests.fakes import MemoryEvents, MemoryQueue, MemoryStore, announcer
from tests.samples import SOL, USDC

TERMS = Terms(SOL, USDC, 1_500_000_000, 50)
NEW = Submitted("order-1", Status.PENDING, replayed=False)
REPLAYED = replace(NEW, replayed=True)


class World:
    """A submission over ports in memory; order ids are order-1, order-2, …"""

    def __init__(self, **store: Any) -> None:
        self.store, self.queue, self.events = MemoryStore(**store), MemoryQueue(), MemoryEvents()
        numbers = itertools.count(1)
        self.submission = Submission(
            self.store, self.queue, announcer(self.events), new_id=lambda: f"order-{next(numbers)}"
        )
        self.submit = partial(self.submission.submit, LOCAL)

    async def overdue(self) -> dict[str, Reason]:
        taken = await self.store.take_overdue(10, drained_for_ms=None)
        return {order.order_id: order.reason for order in taken}

    @property
    def left_behind(self) -> tuple[object, ...]:
        return self.store.rows, self.store.log, self.store.keys, self.queue.sent


NOTHING: tuple[object, ...] = ({}, {}, {}, [])


async def test_an_order_is_stored_queued_and_published() -> None:
    world = World()
    assert await world.submit(TERMS) == NEW
    [event] = world.store.log["order-1"]
    assert (event.seq, event.status, event.attempt, dict(event.detail)) == (
        1,
        "pending",
        1,
        event_detail(OrderAccepted(TERMS)),
    )
    assert world.queue.sent == ["order-1"]
    assert world.events.published == [event]


async def test_without_a_store_nothing_is_queued_or_published() -> None:
    world = World()
    world.store.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.submit(TERMS, key="key")
    assert world.left_behind == NOTHING
    assert world.events.published == []


async def test_an_order_is_acknowledged_without_its_client_waiting_for_it() -> None:
    world, acknowledging = World(), asyncio.Event()
    acknowledge = world.store.acknowledge

    async def slowly(order_ids: list[str]) -> None:
        await acknowledging.wait()
        await acknowledge(order_ids)

    world.store.acknowledge = slowly  # type: ignore[assignment, method-assign]
    assert await world.submit(TERMS) == NEW
    settled = asyncio.create_task(world.submission.settled())
    await asyncio.sleep(0)
    assert not settled.done()
    assert world.store.rows["order-1"].queued_at is None
    acknowledging.set()
    await settled
    assert world.store.rows["order-1"].queued_at is not None
    await world.submission.settled()  # nothing is left to wait for


async def test_an_acknowledgement_that_is_lost_costs_no_more_than_a_second_message() -> None:
    world = World()

    async def lose(order_ids: list[str]) -> None:
        raise TemporarilyUnavailable("The store is unavailable.")

    world.store.acknowledge = lose  # type: ignore[assignment, method-assign]
    assert await world.submit(TERMS) == NEW
    await world.submission.settled()
    await world.store.pass_time(61)
    assert await world.overdue() == {"order-1": Reason.UNACKNOWLEDGED}


async def test_an_order_that_could_not_be_queued_is_not_acknowledged() -> None:
    world = World()
    world.queue.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.submit(TERMS)
    looks = world.store.looks
    await world.submission.settled()
    assert world.store.looks == looks


async def test_an_order_that_cannot_be_queued_is_withdrawn_with_its_event_and_its_key() -> None:
    world = World()
    world.queue.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.submit(TERMS, key="key")
    assert world.left_behind == NOTHING
    world.queue.unavailable = False
    assert await world.submit(TERMS, key="key") == replace(NEW, order_id="order-2")  # the key was free again


async def test_an_order_that_was_claimed_stays_though_the_queue_raised() -> None:
    world = World()
    send = world.queue.send

    async def deliver_and_break(order_id: str, account: Account = LOCAL) -> None:
        await send(order_id)
        assert isinstance(await world.store.claim(order_id), Claim)
        raise TemporarilyUnavailable("The answer was lost.")

    world.queue.send = deliver_and_break  # type: ignore[method-assign]
    assert await world.submit(TERMS) == NEW
    assert world.store.rows["order-1"].order.status is Status.ROUTING


async def test_an_order_that_a_second_submit_received_meanwhile_is_not_withdrawn() -> None:
    world = World()

    async def submit_again_and_break(order_id: str, account: Account = LOCAL) -> None:
        assert await world.submit(TERMS, key="key") == REPLAYED
        raise TemporarilyUnavailable("It took too long.")

    world.queue.send = submit_again_and_break  # type: ignore[method-assign]
    assert await world.submit(TERMS, key="key") == NEW
    await world.store.pass_time(61)
    assert await world.overdue() == {"order-1": Reason.UNACKNOWLEDGED}


async def test_an_order_that_can_be_neither_queued_nor_withdrawn_is_accepted_as_it_is_stored() -> None:
    world = World()

    async def break_store_and_queue(order_id: str, account: Account = LOCAL) -> None:
        world.store.unavailable = True
        raise TemporarilyUnavailable("Everything is unavailable.")

    world.queue.send = break_store_and_queue  # type: ignore[method-assign]
    assert await world.submit(TERMS, key="key") == NEW
    world.store.unavailable = False
    assert await world.submit(TERMS, key="key") == REPLAYED
    await world.store.pass_time(61)
    assert await world.overdue() == {"order-1": Reason.UNACKNOWLEDGED}


async def test_an_order_is_accepted_while_redis_is_unavailable() -> None:
    world = World()
    world.events.unavailable = True
    await world.submit(TERMS)
    assert world.queue.sent == ["order-1"]


async def test_the_same_key_gives_the_first_order_whatever_its_status() -> None:
    world = World()
    assert await world.submit(TERMS, key="key") == NEW
    assert await world.submit(TERMS, key="key") == REPLAYED
    world.store.append("order-1", Status.FAILED)
    assert await world.submit(TERMS, key="key") == replace(REPLAYED, status=Status.FAILED)
    assert world.queue.sent == ["order-1"]  # a replay is neither queued nor published again
    assert len(world.events.published) == 1


async def test_fifty_identical_submits_at_once_make_one_order() -> None:
    world = World()
    answers = await asyncio.gather(*(world.submit(TERMS, key="key") for _ in range(50)))
    assert answers.count(NEW) == 1
    assert answers.count(REPLAYED) == 49
    assert world.queue.sent == ["order-1"]


async def test_without_a_key_equal_submits_are_different_orders() -> None:
    world = World()
    answers = [await world.submit(TERMS) for _ in range(3)]
    assert len({answer.order_id for answer in answers}) == 3
    assert not any(answer.replayed for answer in answers)


@pytest.mark.parametrize(
    "other",
    [
        replace(TERMS, amount_in=TERMS.amount_in + 1),
        replace(TERMS, slippage_bps=51),
        replace(TERMS, token_in=USDC, token_out=SOL),
    ],
)
async def test_the_same_key_with_other_terms_is_a_conflict_that_names_the_order(other: Terms) -> None:
    world = World()
    await world.submit(TERMS, key="key")
    with pytest.raises(IdempotencyConflict) as caught:
        await world.submit(other, key="key")
    assert (caught.value.code, caught.value.details) == ("IDEMPOTENCY_CONFLICT", {"order_id": "order-1"})
    assert (len(world.store.rows), len(world.queue.sent)) == (1, 1)


async def test_an_expired_key_makes_a_new_order_and_gives_that_from_then_on() -> None:
    world = World(key_ttl_s=60)
    await world.submit(TERMS, key="key")
    await world.store.pass_time(59)
    assert (await world.submit(TERMS, key="key")).replayed  # which does not make it live longer
    await world.store.pass_time(2)
    second = await world.submit(replace(TERMS, amount_in=1), key="key")
    assert not second.replayed
    assert await world.submit(replace(TERMS, amount_in=1), key="key") == replace(second, replayed=True)
    assert len(world.store.rows) == 2


async def test_a_client_with_too_many_outstanding_orders_is_refused_and_others_are_served() -> None:
    world = World(max_outstanding=2)
    for _ in range(2):
        await world.submit(TERMS, client="one")
    with pytest.raises(LimitReached) as caught:
        await world.submit(TERMS, client="one", key="key")
    assert (caught.value.code, caught.value.details) == ("TOO_MANY_ORDERS", {"limit": 2})
    assert (len(world.store.rows), world.store.keys) == (2, {})
    assert not (await world.submit(TERMS, client="other")).replayed


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.FAILED])
async def test_an_order_that_ends_makes_room_for_another(status: Status) -> None:
    world = World(max_outstanding=1)
    await world.submit(TERMS, client="one")
    world.store.append("order-1", status)
    assert not (await world.submit(TERMS, client="one")).replayed


async def test_a_client_at_the_limit_still_gets_the_order_of_a_repeated_key() -> None:
    world = World(max_outstanding=1)
    await world.submit(TERMS, client="one", key="key")
    assert await world.submit(TERMS, client="one", key="key") == REPLAYED
