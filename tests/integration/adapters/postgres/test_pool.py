"""A pooled connection is asked whether it lives only where nothing else says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chalicelib.adapters.postgres.database import FRESH_S, Connection, Database
from psycopg_pool import AsyncConnectionPool

from local.servers import Postgres


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, connections=1)
    await database.run("ping")
    yield database
    await database.close()


@pytest.fixture
def checks(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections that were asked."""
    asked: list[Connection] = []
    check = AsyncConnectionPool.check_connection

    async def note(connection: Connection) -> None:
        asked.append(connection)
        await check(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", note)
    return asked


async def test_one_that_was_used_a_moment_ago_is_not_asked(database: Database, checks: list[object]) -> None:
    for _ in range(5):
        await database.run("ping")
    assert checks == []


async def test_one_that_rested_is_asked(database: Database, checks: list[object]) -> None:
    async with database.connection() as connection:
        pass
    connection.used_at -= FRESH_S
    await database.run("ping")
    assert len(checks) == 1


async def test_one_whose_server_has_ended_is_not_used_however_short_its_rest(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", durable=False, temporary=True)
    await asyncio.to_thread(server.start)
    database = Database(server.url, connections=1)
    try:
        async with database.connection() as connection:
            pass
        await asyncio.to_thread(server.restart)
        connection.used_at += 60  # as if the restart had taken no time
        await database.run("ping")
    finally:
        await database.close()
        await asyncio.to_thread(server.stop)
