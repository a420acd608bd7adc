"""Prepared statements over libpq, against a real Postgres."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from chalicelib.adapters.postgres.database import Connection, Database
from chalicelib.adapters.postgres.prepared import SchemaBehind, Statement, execute, read_rest


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    database = Database(database_url, connections=1)
    async with database.connection() as connection:
        yield connection
    await database.close()


async def run(connection: Connection, sql: str, name: str = "statement", **columns: Any) -> Any:
    statement = Statement(name, sql)
    return await execute(connection, connection.prepared, statement, statement.encode(columns))


async def test_parameters_go_by_name_and_rows_come_back_typed(connection: Connection) -> None:
    sql = """
        SELECT %(texts)s::text[] AS texts, %(number)s::bigint AS number, %(numbers)s::numeric[] AS numbers,
            %(flag)s::boolean AS flag, %(at)s::timestamptz AS at, %(none)s::text AS none,
            %(number)s::bigint + 1 AS more
    """
    at = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    texts = ['"', "\\", "{,}", "", None, "é", "NULL"]
    columns: dict[str, Any] = {
        "texts": texts,
        "number": -5,
        "numbers": [10**30],
        "flag": False,
        "at": at,
        "none": None,
    }
    [row] = await run(connection, sql, **columns)
    assert row == {**columns, "numbers": [Decimal(10**30)], "more": -4}


async def test_a_statement_without_rows_gives_none(connection: Connection) -> None:
    assert await run(connection, "SET search_path = public") == []


async def test_a_statement_is_prepared_once_for_each_connection(connection: Connection) -> None:
    for number in range(3):
        assert await run(connection, "SELECT %(number)s::int AS number", number=number) == [
            {"number": number}
        ]
    found = await connection.execute(
        "SELECT name, generic_plans + custom_plans AS runs FROM pg_prepared_statements"
    )
    assert await found.fetchall() == [{"name": "statement", "runs": 3}]


async def test_what_is_larger_than_the_sockets_buffer_arrives(connection: Connection) -> None:
    text = "x" * 20_000_000
    [row] = await run(connection, "SELECT length(%(text)s::text) AS length", text=text)
    assert row == {"length": len(text)}


async def test_a_text_with_nul_is_refused_rather_than_cut(connection: Connection) -> None:
    for value in ("a\0b", ["a\0b"]):
        with pytest.raises(psycopg.DataError, match="NUL"):
            await run(connection, "SELECT %(value)s::text", value=value)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1 / 0", psycopg.errors.DivisionByZero),
        ("SELECT missing", SchemaBehind),
        ("SELECT (SELECT 'x')::int", psycopg.errors.InvalidTextRepresentation),
    ],
)
async def test_an_error_is_psycopgs_own_and_leaves_the_connection_usable(
    connection: Connection, sql: str, kind: type[psycopg.Error]
) -> None:
    with pytest.raises(kind):
        await run(connection, sql)
    assert await run(connection, "SELECT 1 AS one", name="next") == [{"one": 1}]


async def test_after_a_wait_that_is_cancelled_the_rest_is_read_and_the_connection_is_usable(
    connection: Connection,
) -> None:
    running = asyncio.create_task(run(connection, "SELECT pg_sleep(0.3)"))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await read_rest(connection)
    assert await run(connection, "SELECT 1 AS one", name="next") == [{"one": 1}]


async def test_cancelled_calls_leave_no_more_statements_running_than_there_are_connections(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "slow.sql").write_text("-- name: slow\nSELECT pg_sleep(1);\n")
    database = Database(database_url, connections=2)
    database.load(tmp_path / "slow.sql")
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)%' AND pid <> pg_backend_pid()"
    )
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        for _ in range(10):
            call = asyncio.create_task(database.run("slow"))
            await asyncio.sleep(0.02)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            [(count,)] = await (await other.execute(sessions)).fetchall()
            assert count <= 2
    await database.close()


async def test_a_lost_connection_is_an_operational_error(connection: Connection, database_url: str) -> None:
    pid = connection.info.backend_pid
    running = asyncio.create_task(run(connection, "SELECT pg_sleep(60)"))
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(psycopg.OperationalError):
        await running


async def test_after_a_migration_the_next_call_prepares_again(database_url: str) -> None:
    database = Database(database_url, connections=1)
    try:
        async with database.connection() as connection:
            await connection.execute("CREATE TABLE changing (id int)")
            assert await run(connection, "SELECT * FROM changing") == []
            await connection.execute("ALTER TABLE changing ADD name text")
            with pytest.raises(psycopg.OperationalError, match="prepared again"):
                await run(connection, "SELECT * FROM changing")
            assert connection.closed
        async with database.connection() as connection:
            assert await run(connection, "SELECT * FROM changing") == []
            await connection.execute("DROP TABLE changing")
    finally:
        await database.close()


async def test_a_socket_is_watched_no_longer_when_libpq_closes_it(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, pid = asyncio.get_running_loop(), connection.info.backend_pid
    unwatched: list[bool] = []
    remove = loop.remove_reader

    def note(socket: int) -> bool:
        with contextlib.suppress(OSError):
            os.fstat(socket)  # once it is closed, the next connection may have its number
            unwatched.append(True)
            return remove(socket)
        unwatched.append(False)
        return False

    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        running = asyncio.create_task(run(connection, "SELECT pg_sleep(60)"))
        await asyncio.sleep(0)
        monkeypatch.setattr(loop, "remove_reader", note)
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(psycopg.OperationalError):
            await running
    assert unwatched
    assert all(unwatched)
