"""Keys, limits, withdrawal and redrive: the contract of the store, in memory and in Postgres, and races."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import ClaimLost, IdempotencyConflict, LimitReached, TemporarilyUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.ports.store import Claim, Overdue, Reason
from chalicelib.ports.trading import SignedTransaction
from chalicelib.services.submission import Submission

from tests.fakes import MemoryEvents, MemoryQueue, announcer
from tests.fakes.waiting import eventually
from tests.integration.adapters.postgres.limited_shop import TERMS, MemoryShop, PostgresShop, Shop, new
from tests.samples import step

OTHER_TERMS = replace(TERMS, amount_in=1)
SIGNED = SignedTransaction("signature", b"raw", 2**40)


OpenShop = Callable[[], PostgresShop]


def submission(shop: PostgresShop, queue: MemoryQueue, events: MemoryEvents | None = None) -> Submission:
    return Submission(shop.store, queue, announcer(events), lambda: str(uuid.uuid4()))


@pytest.fixture
async def open_shop(database_url: str) -> AsyncIterator[OpenShop]:
    """Shops on one empty database, each a process of its own."""
    opened: list[PostgresShop] = []

    def open_one() -> PostgresShop:
        opened.append(PostgresShop(database_url))
        return opened[-1]

    await open_one().execute("TRUNCATE orders, order_events, idempotency_keys, outstanding_orders")
    yield open_one
    for shop in opened:
        await shop.database.close()


@pytest.fixture(params=["memory", "postgres"])
def shop(request: pytest.FixtureRequest) -> Shop:
    if request.param == "memory":
        return MemoryShop()
    found: OpenShop = request.getfixturevalue("open_shop")
    return found()


async def test_the_same_key_finds_the_first_order_whatever_its_status(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    assert await shop.found(new("key")) == order_id
    await shop.end(order_id, Status.CONFIRMED)
    first = await shop.store.create(new("key"))
    assert isinstance(first, Order)
    assert (first.id, first.status, first.client_order_id) == (order_id, Status.CONFIRMED, "key")
    assert len(await shop.store.orders(9)) == 1


async def test_a_keys_first_order_can_be_asked_for_without_creating_one(shop: Shop) -> None:
    assert await shop.store.first(new("key")) is None
    assert await shop.store.first(new(None)) is None
    order_id = await shop.created(new("key"))
    first = await shop.store.first(new("key"))
    assert first is not None and first.id == order_id
    with pytest.raises(IdempotencyConflict):
        await shop.store.first(new("key", OTHER_TERMS))
    assert len(await shop.store.orders(9)) == 1


async def test_a_keys_first_order_is_found_while_it_is_being_created(open_shop: OpenShop) -> None:
    creating, asking = open_shop(), open_shop()
    await creating.created(new("key"))
    async with creating.database.connection() as connection:
        await connection.execute("DELETE FROM idempotency_keys WHERE key = 'key'")
        async with connection.transaction():  # as the creation, just before its end
            await connection.execute(
                "INSERT INTO idempotency_keys (key, order_id, fingerprint, expires_at)"
                " SELECT 'key', id, '', now() + interval '1 h' FROM orders"
            )
            found = asyncio.create_task(asking.store.first(new("key")))

            async def waits() -> bool:
                waiting = "SELECT FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
                pid = connection.info.backend_pid
                return found.done() or bool(await (await connection.execute(waiting, [pid])).fetchall())

            await eventually(waits)
    assert await found is not None


async def test_the_same_key_with_other_terms_is_a_conflict_that_names_the_order(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    with pytest.raises(IdempotencyConflict) as caught:
        await shop.store.create(new("key", OTHER_TERMS))
    assert caught.value.details == {"order_id": order_id}


async def test_an_expired_key_is_free_before_and_after_it_is_deleted(shop: Shop) -> None:
    await shop.created(new("key"))
    await shop.created(new("other"))
    await shop.pass_time(99)
    await shop.found(new("key"))
    await shop.pass_time(2)
    second = await shop.created(new("key", OTHER_TERMS))
    await shop.store.forget_expired_keys()
    assert await shop.keys() == {"key"}
    assert await shop.found(new("key", OTHER_TERMS)) == second
    await shop.created(new("other"))


async def test_fifty_creations_at_once_under_one_key_make_one_order(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.store.create(new("key", client="one")) for _ in range(50)))
    [event] = [answer for answer in answers if isinstance(answer, Event)]
    assert {answer.id for answer in answers if isinstance(answer, Order)} == {event.order_id}
    assert len(await shop.store.orders(99)) == 1


async def test_fifty_racing_submits_over_two_processes_make_one_order(open_shop: OpenShop) -> None:
    shops, queue, events = [open_shop(), open_shop()], MemoryQueue(), MemoryEvents()
    submissions = [submission(shop, queue, events) for shop in shops]
    answers = await asyncio.gather(
        *(submission.submit(LOCAL, TERMS, key="key") for submission in submissions * 25)
    )
    assert len({answer.order_id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert queue.sent == [answers[0].order_id]
    assert len(await shops[0].store.orders(99)) == 1
    assert len(await shops[0].store.events(answers[0].order_id)) == 1


async def test_racing_submits_of_many_keys_over_two_processes_make_an_order_each(open_shop: OpenShop) -> None:
    shops = [open_shop(), open_shop()]
    keys = [f"key {number}" for number in range(40)]
    answers = await asyncio.gather(
        *(
            shop.store.create(new(key))
            for shop, order in zip(
                shops, (keys, keys[::-1]), strict=True
            )  # in opposite order: a deadlock's way
            for key in order
        )
    )
    assert len([answer for answer in answers if isinstance(answer, Event)]) == len(keys)
    assert len(await shops[0].store.orders(99)) == len(keys)


async def test_a_client_with_too_many_outstanding_orders_is_refused_until_one_ends(shop: Shop) -> None:
    orders = [await shop.created(new(client="one")) for _ in range(5)]
    with pytest.raises(LimitReached) as caught:
        await shop.store.create(new("key", client="one"))
    assert (caught.value.code, caught.value.details) == ("TOO_MANY_ORDERS", {"limit": 5})
    assert await shop.keys() == set()
    await shop.created(new(client="other"))
    await shop.end(orders[0], Status.CONFIRMED)
    await shop.created(new("key", client="one"))
    assert await shop.found(new("key", client="one"))  # at the limit again, what there is can be found


async def test_orders_at_once_keep_to_the_limit(shop: Shop) -> None:
    answers = await asyncio.gather(
        *(shop.store.create(new(client="one")) for _ in range(9)), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(LimitReached) == 4
    assert len(await shop.store.orders(99)) == 5


async def test_a_withdrawn_order_leaves_neither_row_nor_event_nor_key(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    assert not await shop.store.was_withdrawn(order_id)
    assert await shop.store.withdraw(order_id)
    assert await shop.store.was_withdrawn(order_id)  # in case the queue has its message after all
    assert await shop.store.order(order_id) is None
    assert await shop.store.events(order_id) == []
    assert await shop.keys() == set()
    assert await shop.store.withdraw(order_id)  # said again, since the reply was lost
    assert await shop.created(new("key", OTHER_TERMS)) != order_id


async def test_an_order_that_was_claimed_is_not_withdrawn(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    claim = await shop.store.claim(order_id)
    assert isinstance(claim, Claim)
    assert not await shop.store.withdraw(order_id)
    await shop.store.record(step(claim, Status.PENDING, retry_in_ms=1))
    assert not await shop.store.withdraw(order_id)
    assert len(await shop.store.events(order_id)) == 3
    assert await shop.found(new("key")) == order_id


async def test_an_order_that_a_second_submit_received_is_not_withdrawn(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    await shop.found(new("key"))
    assert not await shop.store.withdraw(order_id)
    assert await shop.found(new("key")) == order_id


async def test_a_withdrawal_that_races_with_a_second_submit_leaves_it_an_order(open_shop: OpenShop) -> None:
    one, other = open_shop(), open_shop()
    for number in range(30):
        key = f"key {number}"
        first = await one.created(new(key))
        withdrawn, second = await asyncio.gather(one.store.withdraw(first), other.store.create(new(key)))
        answered = second.id if isinstance(second, Order) else second.order_id
        assert await one.store.order(answered) is not None
        assert withdrawn == (answered != first)


async def test_while_the_queue_is_unavailable_racing_submits_leave_nothing_behind(
    open_shop: OpenShop,
) -> None:
    shops, queue = [open_shop(), open_shop()], MemoryQueue()
    queue.unavailable = True
    submissions = [submission(shop, queue) for shop in shops]
    answers = await asyncio.gather(
        *(
            submissions[number % 2].submit(LOCAL, TERMS, client=f"client {number}", key=f"key {number}")
            for number in range(20)
        ),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {TemporarilyUnavailable}
    assert await shops[0].store.orders(99) == []
    assert await shops[0].execute("SELECT FROM order_events") == []
    assert await shops[0].keys() == set()


async def test_a_redriven_order_has_a_new_set_of_attempts_and_an_event_with_its_number(shop: Shop) -> None:
    order_id = await shop.created(new("key"))
    claim = await shop.store.claim(order_id)
    assert isinstance(claim, Claim)
    await shop.store.record(step(claim, Status.BUILDING, transaction=SIGNED))
    await shop.store.record(step(claim, Status.PENDING, retry_in_ms=1))
    await shop.end(order_id)
    for redrives in (1, 2):
        event = await shop.store.redrive(order_id)
        assert event is not None
        assert (event.status, event.attempt, event.detail) == (Status.PENDING, 1, {"redriven": redrives})
        assert (await shop.store.events(order_id))[-1] == event
        order = await shop.store.order(order_id)
        assert order is not None
        assert (order.status, order.attempt, order.seq) == (Status.PENDING, 1, event.seq)
        assert (order.error, order.code) == (None, None)
        ended = await shop.end(order_id)  # can be claimed at once
        assert (ended.resumed, ended.transaction) == (False, None)
    events = await shop.store.events(order_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert await shop.found(new("key")) == order_id


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.CONFIRMED])
async def test_only_a_failed_order_is_redriven(shop: Shop, status: Status) -> None:
    order_id = await shop.created(new())
    if status is Status.ROUTING:
        await shop.store.claim(order_id)
    if status is Status.CONFIRMED:
        await shop.end(order_id, status)
    before = await shop.store.events(order_id)
    assert await shop.store.redrive(order_id) is None
    assert await shop.store.events(order_id) == before
    assert await shop.store.redrive(str(uuid.uuid4())) is None


async def test_ten_redrives_at_once_are_one(shop: Shop) -> None:
    order_id = await shop.created(new())
    await shop.end(order_id)
    events = await asyncio.gather(*(shop.store.redrive(order_id) for _ in range(10)))
    assert len([event for event in events if event]) == 1


async def test_a_worker_from_before_a_redrive_has_lost_its_claim(shop: Shop) -> None:
    order_id = await shop.created(new())
    before = await shop.end(order_id)
    await shop.store.redrive(order_id)
    assert isinstance(await shop.store.claim(order_id), Claim)
    with pytest.raises(ClaimLost):
        await shop.store.record(step(before, Status.FAILED))


async def test_a_redriven_order_that_is_not_queued_is_found_by_the_sweep(shop: Shop) -> None:
    order_id = await shop.created(new())
    await shop.end(order_id)
    await shop.pass_time(1000)
    assert await shop.store.take_overdue(9, drained_for_ms=0) == []
    await shop.store.redrive(order_id)
    assert await shop.store.take_overdue(9, drained_for_ms=0) == []
    await shop.pass_time(61)
    [overdue] = await shop.store.take_overdue(9, drained_for_ms=None)
    assert overdue == Overdue(order_id, Reason.UNACKNOWLEDGED)
