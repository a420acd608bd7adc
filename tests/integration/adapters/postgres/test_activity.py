"""What the engine is doing, read from a real Postgres."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from chalicelib.adapters.postgres.activity import PostgresActivity
from chalicelib.adapters.postgres.database import SQL, Database
from chalicelib.domain.lifecycle import Status
from chalicelib.migrations import migrate

from local.services import Endpoints
from tests.databases import new_database

ORDERS = """
INSERT INTO orders
    (id, token_in, token_out, amount_in, slippage_bps, client, status, type, price, created_at, updated_at)
SELECT gen_random_uuid(), 'SOL', 'USDC', 1, 50, 'client', %(status)s::order_status, %(type)s, %(price)s,
    now() - %(ago)s * interval '1 s', now() - %(ago)s * interval '1 s' + nth * interval '100 ms'
FROM generate_series(1, %(count)s) AS nth RETURNING id
"""
EVENTS = """
INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
SELECT id, nth, step.status, 1, created_at + (nth * nth) * interval '10 ms', '{}'
FROM orders
CROSS JOIN unnest(ARRAY['pending', 'routing', 'confirmed']::order_status[])
    WITH ORDINALITY AS step (status, nth)
WHERE id = ANY(%(ids)s)
"""


@pytest.fixture
async def database(services: Endpoints) -> AsyncIterator[Database]:
    with new_database(services.database_url) as url:
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        database.load(SQL / "queries.sql")
        yield database
        await database.close()


async def add(
    database: Database, status: Status, count: int, *, ago: float = 1.0, type: str = "market"
) -> list[uuid.UUID]:
    price = None if type == "market" else 150
    given = {"status": str(status), "type": type, "price": price, "ago": ago, "count": count}
    async with database.connection() as connection:
        cursor = await connection.execute(ORDERS.encode(), given)
        return [row["id"] for row in await cursor.fetchall()]


async def test_orders_that_have_not_ended_are_counted_by_status(database: Database) -> None:
    await add(database, Status.OPEN, 3, type="limit")
    await add(database, Status.PENDING, 2, ago=1e6)
    await add(database, Status.CONFIRMED, 5)
    found = await PostgresActivity(database).under_way()
    assert found == {
        Status.OPEN: 3,
        Status.PENDING: 2,
        Status.ROUTING: 0,
        Status.BUILDING: 0,
        Status.SUBMITTED: 0,
    }


async def test_recent_orders_are_counted_and_their_times_are_of_market_orders(database: Database) -> None:
    await add(database, Status.CONFIRMED, 10)
    await add(database, Status.CONFIRMED, 1, ago=30, type="limit")
    await add(database, Status.FAILED, 2)
    await add(database, Status.CONFIRMED, 7, ago=100)
    found = await PostgresActivity(database).recent(60)
    assert found.orders == {Status.CONFIRMED: 11, Status.FAILED: 2}
    assert found.confirm_ms == pytest.approx((550, 910, 991))


async def test_without_recent_orders_there_are_no_times(database: Database) -> None:
    await add(database, Status.CONFIRMED, 3, ago=100)
    found = await PostgresActivity(database).recent(60)
    assert (found.orders, found.confirm_ms, found.step_ms) == ({}, None, {})


async def test_steps_have_the_median_time_of_confirmed_orders(database: Database) -> None:
    ids = await add(database, Status.CONFIRMED, 5)
    async with database.connection() as connection:
        await connection.execute(EVENTS.encode(), {"ids": ids})
    found = await PostgresActivity(database).recent(60)
    assert found.step_ms == pytest.approx({Status.PENDING: 30, Status.ROUTING: 50})
