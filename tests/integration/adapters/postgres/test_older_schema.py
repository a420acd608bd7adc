"""This version's code on older schemas: a deployment replaces the code first, and migrates then."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest
from chalicelib.adapters.postgres.database import SQL, Database, load_queries
from chalicelib.adapters.postgres.prepared import MISSING, Statement
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.terms import OrderType
from chalicelib.migrations import migrate, migrations
from chalicelib.ports.store import NewOrder
from chalicelib.services.quoting import Quoting
from chalicelib.services.trigger_runs import TriggerRuns
from chalicelib.services.triggers import Pass, Triggers
from chalicelib.simulation import database as simulation

from local.services import Endpoints
from tests.databases import new_database
from tests.fakes import MemoryMetrics, MemoryQueue, MemoryVenue, announcer
from tests.samples import TERMS

LIMITS = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=100, max_outstanding=1000)
WITHOUT_RESTING_ORDERS = 9  # the last migration before them
REACHED = replace(TERMS, type=OrderType.LIMIT, price=Decimal(150), floor_out=150_000_000)


@pytest.fixture
def empty(services: Endpoints) -> Iterator[str]:
    with new_database(services.database_url) as url:
        yield url


def bring_to(monkeypatch: pytest.MonkeyPatch, url: str, number: int) -> None:
    """Apply the migrations up to this number, as a version that had no others did."""
    older = [path for path in migrations() if int(path.name[:3]) <= number]
    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.migrations.migrations", lambda world: older)
        migrate(url)


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch, empty: str) -> AsyncIterator[PostgresStore]:
    """The store, where no migration for resting orders has run."""
    await asyncio.to_thread(bring_to, monkeypatch, empty, WITHOUT_RESTING_ORDERS)
    database = Database(empty)
    yield PostgresStore(database, LIMITS, event_detail)
    await database.close()


def test_a_statement_either_suits_an_older_schema_or_misses_something_of_its_own(
    monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    statements = load_queries(SQL / "queries.sql") | load_queries(simulation.SQL / "queries.sql")
    for path in migrations():
        bring_to(monkeypatch, empty, int(path.name[:3]))
        missing = set()
        with psycopg.connect(empty, autocommit=True) as connection:
            for name, sql in statements.items():
                try:
                    connection.execute(f"PREPARE {name} AS ".encode() + Statement(name, sql).sql)
                except MISSING:
                    missing.add(name)
    assert not missing


async def test_until_the_migration_has_run_orders_are_neither_fired_nor_cancelled_and_then_they_are(
    store: PostgresStore, empty: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue, venues = MemoryQueue(), {"raydium": MemoryVenue("raydium", 151_000_000)}
    quoting = Quoting(venues, timeout=1, max_price_impact_bps=300)
    triggers = TriggerRuns(Triggers(store, queue, announcer(), quoting, MemoryMetrics()), store, poll=0)
    order_id = str(uuid.uuid4())
    for _ in range(3):
        assert await triggers.run(0, 0) == Pass(0, 0)
    for call in (store.create(NewOrder(order_id, REACHED)), store.cancel(order_id), store.check()):
        with pytest.raises(TemporarilyUnavailable, match="is being brought to this version"):
            await call
    assert [record.message.partition(" error=")[0] for record in caplog.records] == [
        "triggers: pass failed, retrying at each poll"
    ]
    await asyncio.to_thread(migrate, empty)
    await store.create(NewOrder(order_id, REACHED))
    assert await triggers.run(0, 0) == Pass(1, 0)
    assert queue.sent == [order_id]
