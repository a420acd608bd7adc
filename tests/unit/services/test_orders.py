from __future__ import annotations

import pytest
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import NotFound, TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import NewOrder
from chalicelib.services.orders import OrderFilter, Orders

from tests.fakes import MemoryStore
from tests.samples import TERMS

FAILED = OrderFilter([Status.FAILED])


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    for name in ("first", "second", "third"):
        await store.create(NewOrder(name, TERMS))
    store.append("second", Status.FAILED)
    return store


async def test_an_order_comes_with_its_events_in_order(store: MemoryStore) -> None:
    found = await Orders(store).get(LOCAL, "second")
    assert found.order.status is Status.FAILED
    assert [event.seq for event in found.events] == [1, 2]


async def test_an_order_that_does_not_exist_is_not_found(store: MemoryStore) -> None:
    with pytest.raises(NotFound) as missing:
        await Orders(store).get(LOCAL, "fourth")
    assert missing.value.details == {"order_id": "fourth"}


async def test_pages_go_from_the_newest_order_to_the_oldest(store: MemoryStore) -> None:
    orders = Orders(store)
    newest = await orders.page(LOCAL, 2)
    assert [order.id for order in newest] == ["third", "second"]
    rest = await orders.page(LOCAL, 2, (newest[-1].created_at, newest[-1].id))
    assert [order.id for order in rest] == ["first"]


async def test_a_page_may_be_of_one_status(store: MemoryStore) -> None:
    assert [order.id for order in await Orders(store).page(LOCAL, 9, None, FAILED)] == ["second"]


async def test_an_unavailable_store_is_an_error(store: MemoryStore) -> None:
    store.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await Orders(store).get(LOCAL, "first")
