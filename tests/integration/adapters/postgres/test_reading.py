"""Orders and events as they are read: amounts, events after a seq, pages. The contract of the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from chalicelib.api.wire.events import event_detail, event_message
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import MAX_BASE_UNITS, OrderType
from chalicelib.domain.tokens import TOKENS
from chalicelib.ports.store import ALL, OrderFilter, Store

from tests.integration.adapters.postgres.shop import TERMS, Shop
from tests.samples import SOL, USDC, event_of, step


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


async def pages(store: Store, limit: int, only: OrderFilter = ALL) -> list[str]:
    """Every order's id, page by page."""
    found: list[str] = []
    before = None
    while page := await store.orders(limit, before, only):
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
    first = await shop.store.orders(2)
    await shop.new()
    rest = await shop.store.orders(9, (first[-1].created_at, first[-1].id))
    assert [order.id for order in [*first, *rest]] == orders[::-1]


async def test_orders_are_listed_by_status(shop: Shop) -> None:
    orders = [await shop.new() for _ in range(6)]
    for order_id in orders[::2]:
        await shop.end(order_id)
    assert await pages(shop.store, 2, OrderFilter([Status.FAILED])) == orders[::2][::-1]
    assert await pages(shop.store, 2, OrderFilter([Status.PENDING])) == orders[1::2][::-1]
    assert await pages(shop.store, 2, OrderFilter([Status.CONFIRMED])) == []


RAY = TOKENS[3]
KINDS = [
    TERMS,
    replace(TERMS, token_in=USDC, token_out=SOL),
    replace(TERMS, token_out=RAY),
    replace(TERMS, type=OrderType.LIMIT, price=Decimal(10**6)),
    replace(TERMS, type=OrderType.STOP, price=Decimal("0.1"), token_in=RAY),
]
DAY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "only",
    [
        OrderFilter(types=[OrderType.MARKET]),
        OrderFilter(types=[OrderType.LIMIT, OrderType.STOP]),
        OrderFilter(types=[OrderType.LIMIT], statuses=[Status.OPEN]),
        OrderFilter(types=[OrderType.MARKET], statuses=[Status.PENDING, Status.FAILED]),
        OrderFilter(types=[]),
        OrderFilter(token_in=SOL, token_out=USDC),
        OrderFilter(token_in=SOL),
        OrderFilter(token_out=USDC),
        OrderFilter(token_in=TOKENS[7]),
        OrderFilter(token_in=SOL, token_out=SOL),
        OrderFilter(token_in=SOL, types=[OrderType.MARKET], statuses=[Status.FAILED]),
        OrderFilter(since=DAY + timedelta(seconds=3)),
        OrderFilter(until=DAY + timedelta(seconds=3)),
        OrderFilter(since=DAY + timedelta(seconds=2), until=DAY + timedelta(seconds=8), token_out=USDC),
        OrderFilter(
            types=[OrderType.MARKET], since=DAY + timedelta(seconds=2), until=DAY + timedelta(seconds=8)
        ),
    ],
)
@pytest.mark.parametrize("limit", [1, 3])
async def test_a_list_has_what_its_filter_has_page_by_page(shop: Shop, only: OrderFilter, limit: int) -> None:
    made = [await shop.new(terms) for terms in KINDS * 2]
    for second, order_id in enumerate(made):
        await shop.made_at([order_id], DAY + timedelta(seconds=second // 2))  # two at each moment
    for order_id in made[:3]:
        await shop.end(order_id)
    orders = [order for order_id in made if (order := await shop.store.order(order_id)) is not None]
    newest_first = sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)
    assert await pages(shop.store, limit, only) == [order.id for order in newest_first if only.has(order)]
