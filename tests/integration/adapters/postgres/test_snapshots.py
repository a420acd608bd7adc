"""What is read of an order while it moves: its row and its events are of one moment."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import NotFound
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import Claim, NewOrder
from chalicelib.services.orders import Orders

from tests.samples import TERMS, step

SETTINGS = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=100, max_outstanding=10_000)
LIFE = (Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED)


class Interrupted(PostgresStore):
    """A store in which something happens between an order and its events."""

    between: Callable[[], Awaitable[object]] | None = None

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        if self.between is not None:
            happens, self.between = self.between, None
            await happens()
        return await super().events(order_id, after)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Interrupted]:
    database = Database(database_url)
    yield Interrupted(database, SETTINGS, event_detail)
    await database.close()


async def created(store: PostgresStore) -> str:
    order_id = str(uuid.uuid4())
    await store.create(NewOrder(order_id, TERMS))
    return order_id


async def test_an_order_that_moves_between_the_reads_is_shown_as_it_was(store: Interrupted) -> None:
    order_id = await created(store)
    store.between = lambda: store.claim(order_id)
    found = await Orders(store).get(LOCAL, order_id)
    assert (found.order.status, found.order.seq) == (found.events[-1].status, found.events[-1].seq)
    found = await Orders(store).get(LOCAL, order_id)
    assert [event.status for event in found.events] == [Status.PENDING, found.order.status]


async def test_an_order_that_is_withdrawn_between_the_reads_is_not_found(store: Interrupted) -> None:
    order_id = await created(store)
    store.between = lambda: store.withdraw(order_id)
    with pytest.raises(NotFound):
        await Orders(store).get(LOCAL, order_id)


async def test_no_answer_is_of_two_moments_while_orders_run(store: Interrupted) -> None:
    ids = [await created(store) for _ in range(20)]

    async def run(order_id: str) -> None:
        claim = await store.claim(order_id)
        assert isinstance(claim, Claim)
        for status in LIFE:
            await store.record(step(claim, status))

    async def poll(order_id: str) -> None:
        while True:
            found = await Orders(store).get(LOCAL, order_id)
            assert found.order.status is found.events[-1].status
            assert found.order.seq == found.events[-1].seq
            if found.order.is_terminal:
                return

    async with asyncio.TaskGroup() as tasks:
        for order_id in ids:
            tasks.create_task(poll(order_id))
            tasks.create_task(run(order_id))
