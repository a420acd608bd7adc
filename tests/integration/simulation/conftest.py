"""Simulated worlds on an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.simulation import world as simulations
from chalicelib.simulation.database import SQL

from local.services import Endpoints
from tests.databases import new_database
from tests.integration.simulation.world import Clock, World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(simulations, "time", clock)
    return clock


@pytest.fixture
async def database(services: Endpoints) -> AsyncIterator[Database]:
    """An empty `sim` schema in a database of its own."""
    with new_database(services.database_url) as url:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            for migration in sorted(SQL.glob("[0-9]*.sql")):
                await connection.execute(migration.read_bytes())
        database = Database(url)
        yield database
        await database.close()


@pytest.fixture
def world(database: Database, clock: Clock) -> Callable[..., World]:
    return lambda **settings: World(database, settings)
