"""Simulated worlds on an empty database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.simulation import world as simulations
from chalicelib.simulation.database import SQL
from psycopg.conninfo import make_conninfo

from local.services import Endpoints
from tests.integration.simulation.world import Clock, World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(simulations, "time", clock)
    return clock


@pytest.fixture
async def database(services: Endpoints) -> AsyncIterator[Database]:
    """An empty `sim` schema in a database of its own."""
    name = f"chain_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(services.database_url, autocommit=True) as server:
        await server.execute(f"CREATE DATABASE {name}".encode())
        url = make_conninfo(services.database_url, dbname=name)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            for migration in sorted(SQL.glob("[0-9]*.sql")):
                await connection.execute(migration.read_bytes())
        database = Database(url)
        yield database
        await database.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def world(database: Database, clock: Clock) -> Callable[..., World]:
    return lambda **settings: World(database, settings)
