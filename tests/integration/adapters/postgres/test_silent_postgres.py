"""A Postgres that keeps its connections and answers nothing: every call ends in a timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from chalicelib.adapters.postgres import database as adapter
from chalicelib.adapters.postgres.database import Connection, Database
from chalicelib.domain.errors import TemporarilyUnavailable

from local.servers import Postgres
from tests.silence import silenced


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("silent") / "postgres", durable=False, temporary=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def database(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(adapter, "USE_S", 0.8)
    monkeypatch.setattr(adapter, "CHECK_S", 0.1)
    database = Database(server.url, connections=1, timeout=0.5)
    yield database
    await database.close()


async def backend(connection: Connection) -> int:
    """The number of the server's process that serves this connection."""
    cursor = await connection.execute("SELECT pg_backend_pid() AS pid")
    [row] = await cursor.fetchall()
    return int(row["pid"])


async def answers(database: Database) -> int:
    """The backend of the next connection; the first tries may find it still being made."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with database.connection() as connection:
                    return await backend(connection)
            except TemporarilyUnavailable:
                continue


async def test_a_statement_that_gets_no_answer_is_given_up_and_its_connection_not_used_again(
    server: Postgres, database: Database
) -> None:
    await answers(database)  # connected, however long that takes
    async with asyncio.timeout(5):
        with pytest.raises(TemporarilyUnavailable):
            async with database.connection() as connection:
                used = await backend(connection)
                with silenced(server):
                    await connection.execute("SELECT 1")
    assert await answers(database) != used


async def test_statements_fail_while_it_is_silent_and_succeed_when_it_answers_again(
    server: Postgres, database: Database
) -> None:
    await answers(database)
    with silenced(server):
        async with asyncio.timeout(5):
            for _ in range(3):
                with pytest.raises(TemporarilyUnavailable):
                    await database.run("ping")
    await answers(database)


async def test_a_statement_that_takes_its_time_is_not_cut_short(database: Database) -> None:
    used = await answers(database)
    async with database.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.5)")
    async with database.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.5)")  # the first one's time was its own
        assert await backend(connection) == used
