"""Sessions that can't serve any more, or not as they are: nothing of it reaches a caller."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from chalicelib.adapters.postgres.database import SQL, Database, load_queries
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.migrations import MigrationError, migrate
from chalicelib.ports.store import Claim, NewOrder
from chalicelib.simulation import database as simulation

from local.services import Endpoints
from tests.databases import new_database
from tests.fakes import eventually
from tests.samples import TERMS, step

LIMITS = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=100, max_outstanding=1000)


@pytest.fixture
def url(services: Endpoints) -> Iterator[str]:
    """A database with the schema, whose settings a test may change."""
    with new_database(services.database_url) as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database, LIMITS, event_detail)


def say(url: str, *statements: str) -> None:
    """Run these in a session of their own; `{database}` is the database's name."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.format(database=connection.info.dbname).encode())


async def work(store: PostgresStore) -> None:
    """What the engine does with an order, from its submit to its end."""
    order_id = str(uuid.uuid4())
    await store.check()
    assert isinstance(await store.create(NewOrder(order_id, TERMS, key=order_id)), Event)
    first = await store.create(NewOrder(str(uuid.uuid4()), TERMS, key=order_id))
    assert first.id == order_id  # type: ignore[union-attr]
    await store.acknowledge([order_id])
    claim = await store.claim(order_id)
    assert isinstance(claim, Claim)
    for status in (Status.BUILDING, Status.FAILED):
        await store.record(step(claim, status))
    assert await store.redrive(order_id) is not None
    assert order_id in [order.id for order in await store.orders(50)]
    order = await store.order(order_id)
    assert order is not None
    assert (order.status, order.terms) == (Status.PENDING, TERMS)
    assert len(await store.events(order_id)) == 5
    await store.take_overdue(10, drained_for_ms=None)
    assert await store.last_seqs([order_id]) == {order_id: 5}


CHANGES = {
    "a column more": [
        "ALTER TABLE orders ADD COLUMN note text",
        "ALTER TABLE order_events ADD COLUMN note text",
    ],
    "a column of another type": ["ALTER TABLE orders ALTER COLUMN dex TYPE varchar(40)"],
    "all sessions ended": [
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    ],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_warm_sessions_serve_on_when_the_database_changes_under_them(
    url: str, store: PostgresStore, change: list[str]
) -> None:
    for _ in range(2):
        await asyncio.gather(*(work(store) for _ in range(4)))  # every session has every statement
    await asyncio.to_thread(say, url, *change)
    await asyncio.gather(*(work(store) for _ in range(4)))


async def test_a_session_whose_statements_are_gone_is_replaced(
    store: PostgresStore, database: Database
) -> None:
    await work(store)
    async with database.connection() as connection:
        await connection.execute("DEALLOCATE ALL")
    await work(store)


async def test_sessions_of_a_server_that_was_demoted_are_replaced(
    store: PostgresStore, database: Database
) -> None:
    await work(store)
    async with database.connection() as connection:
        await connection.execute("SET default_transaction_read_only = on")
    await work(store)


async def test_a_read_only_database_is_unavailable_until_it_is_not(url: str, store: PostgresStore) -> None:
    await work(store)
    read_only = "ALTER DATABASE {database} SET default_transaction_read_only = "
    end_sessions = CHANGES["all sessions ended"]
    await asyncio.to_thread(say, url, f"{read_only} on", *end_sessions)
    order_id = str(uuid.uuid4())
    for refused in (store.create(NewOrder(order_id, TERMS)), store.check(), store.claim(order_id)):
        with pytest.raises(TemporarilyUnavailable):
            await refused
    assert await store.order(order_id) is None
    await asyncio.to_thread(
        say, url, "SET default_transaction_read_only = off", f"{read_only} off", *end_sessions
    )
    await work(store)


def test_no_statement_returns_the_columns_that_a_later_migration_may_add() -> None:
    for folder in (SQL, simulation.SQL):
        for name, sql in load_queries(folder / "queries.sql").items():
            code = re.sub(r"--.*", "", sql)
            assert not re.search(r"\.\*|SELECT\s+\*|,\s*\*", code), name


# Settings of the database, the role, and the environment


SETTINGS = {
    "DateStyle": "German",
    "TimeZone": "Europe/Paris",
    "IntervalStyle": "sql_standard",
    "search_path": "elsewhere",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
    "client_encoding": "LATIN1",
}


@pytest.mark.parametrize("name", SETTINGS)
async def test_the_databases_own_settings_do_not_reach_the_statements(url: str, name: str) -> None:
    await asyncio.to_thread(say, url, f"ALTER DATABASE {{database}} SET {name} = '{SETTINGS[name]}'")
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    try:
        await work(PostgresStore(database, LIMITS, event_detail))
    finally:
        await database.close()
    assert await asyncio.to_thread(migrate, url) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGDATESTYLE", "German"),
        ("PGTZ", "Europe/Paris"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGOPTIONS", "-c search_path=elsewhere -c array_nulls=off"),
    ],
)
async def test_variables_of_libpq_do_not_reach_the_statements(
    url: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    try:
        await work(PostgresStore(database, LIMITS, event_detail))
    finally:
        await database.close()


# Databases that are refused


def test_a_database_in_another_encoding_is_refused_with_the_reason(services: Endpoints) -> None:
    options = "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    with (
        new_database(services.database_url, options) as url,
        pytest.raises(MigrationError, match=r"SQL_ASCII.*UTF8"),
    ):
        migrate(url)


def test_a_database_without_the_schema_public_is_refused_with_the_reason(url: str) -> None:
    say(url, "DROP SCHEMA public")
    with pytest.raises(MigrationError, match="no schema public"):
        migrate(url)


def test_a_read_only_database_is_refused_with_the_reason(url: str) -> None:
    say(url, "ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(MigrationError, match="read-only"):
        migrate(url)


def test_a_server_that_is_too_old_is_refused_with_the_reason(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.migrations.LEAST_VERSION", 99)
    with pytest.raises(MigrationError, match="Postgres 99"):
        migrate(url)


def test_tables_in_another_schema_are_not_left_behind_unnoticed(url: str) -> None:
    say(url, "CREATE SCHEMA elsewhere", "CREATE TABLE elsewhere.schema_migrations (name text)")
    say(url, "ALTER DATABASE {database} SET search_path = elsewhere")
    with pytest.raises(MigrationError, match="schema elsewhere"):
        migrate(url)


# What a submit would meet, health meets


async def test_a_check_fails_while_the_tables_are_locked_and_soon(url: str, store: PostgresStore) -> None:
    await store.check()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE orders IN SHARE MODE")
        async with asyncio.timeout(3):
            results = await asyncio.gather(*(store.check() for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {TemporarilyUnavailable}
        assert await store.order(str(uuid.uuid4())) is None  # there are connections left to read by
    await store.check()


@pytest.mark.parametrize("code", ["disk_full", "internal_error", "insufficient_privilege", "undefined_table"])
async def test_a_check_fails_as_a_submit_would(url: str, store: PostgresStore, code: str) -> None:
    await asyncio.to_thread(
        say,
        url,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$BEGIN RAISE 'no' USING ERRCODE = '{code}'; END$$",
        "CREATE TRIGGER fail BEFORE INSERT ON order_events FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    with pytest.raises(TemporarilyUnavailable):
        await store.check()
    await asyncio.to_thread(say, url, "DROP TRIGGER fail ON order_events")
    await eventually(lambda: _passes(store))


async def _passes(store: PostgresStore) -> bool:
    await store.check()
    return True


async def test_checks_leave_nothing_behind_and_keep_no_submit_waiting(url: str, store: PostgresStore) -> None:
    orders = [NewOrder(str(uuid.uuid4()), TERMS) for _ in range(50)]
    await asyncio.gather(*(store.check() for _ in range(50)), *(store.create(new) for new in orders))
    with psycopg.connect(url) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            for table in ("orders", "order_events", "idempotency_keys")
        ]
    assert counts == [(50,), (50,), (0,)]


async def test_a_schema_of_an_older_version_is_unavailable_until_it_is_migrated(
    database_url: str, tmp_path: Path
) -> None:
    queries = tmp_path / "queries.sql"
    queries.write_text("-- name: newer\nSELECT newer_column FROM orders;\n")
    database = Database(database_url)
    database.load(queries)
    try:
        with pytest.raises(TemporarilyUnavailable):
            await database.run("newer")
        assert await database.run("ping")
    finally:
        await database.close()
