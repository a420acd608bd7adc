"""This version's code on the schema before snipers: a deployment replaces the code first, then migrates."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.migrations import migrations
from chalicelib.ports.store import Claim, Fired, PriceLevel, RestingGroup
from chalicelib.services.detection import Detection
from chalicelib.services.submission import Submission
from chalicelib.simulation.database import SQL
from chalicelib.simulation.launchpad import Launchpad

from local.services import Endpoints
from tests.databases import new_database
from tests.fakes import MemoryEvents, MemoryQueue
from tests.integration.adapters.postgres.shop import LIMITS, SETTINGS, TERMS
from tests.integration.adapters.postgres.test_resting import LIMIT, PRICE, SIZE
from tests.samples import new_mint, sniper

SNIPERS = "015_launches.sql"


@pytest.fixture
async def database(services: Endpoints) -> AsyncIterator[Database]:
    """A database of the version before."""
    with new_database(services.database_url) as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for migration in migrations():
                if migration.name < SNIPERS:
                    await connection.execute(migration.read_bytes())
        database = Database(url)
        database.load(SQL / "queries.sql")
        yield database
        await database.close()


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database, StoreSettings(**SETTINGS, **LIMITS), event_detail)


@pytest.fixture
def submission(store: PostgresStore) -> Submission:
    return Submission(store, MemoryQueue(), MemoryEvents(), new_id=lambda: str(uuid.uuid4()))


async def test_orders_of_the_other_types_are_taken_fired_and_claimed(
    store: PostgresStore, submission: Submission
) -> None:
    market = await submission.submit(LOCAL, TERMS)
    limit = await submission.submit(LOCAL, LIMIT)
    assert isinstance(await store.claim(market.order_id), Claim)
    [group] = await store.resting_groups()
    assert group == RestingGroup(LIMIT.token_in, LIMIT.token_out, LIMIT.type, SIZE)
    [found] = await store.resting_at([PriceLevel(group, PRICE)], 10)
    assert (found.order_id, found.terms) == (limit.order_id, LIMIT)
    assert await store.fire([Fired(limit.order_id, PRICE)]) != []


async def test_a_sniper_is_refused_until_the_schema_is_there_and_leaves_nothing(
    store: PostgresStore, submission: Submission
) -> None:
    with pytest.raises(TemporarilyUnavailable):
        await submission.submit(LOCAL, sniper(new_mint()))
    assert await store.orders(10) == []


async def test_a_look_for_launches_ends_no_pass_of_the_triggers(
    database: Database, store: PostgresStore
) -> None:
    assert await Detection(Launchpad(database), store).run() == 0
