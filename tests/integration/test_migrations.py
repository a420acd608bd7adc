"""From any older schema to this version's: each file once, whole or not at all, under limits of its own."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy

import app
import psycopg
import pytest
from chalicelib import migrations, runtime
from chalicelib.adapters.postgres.database import Database
from chalicelib.config import Config
from chalicelib.migrations import MigrationError, migrate
from chalicelib.worlds import WORLDS
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.servers import Postgres
from local.services import Endpoints
from tests.databases import new_database


@pytest.fixture
def empty(services: Endpoints) -> Iterator[str]:
    """A database with nothing in it."""
    with new_database(services.database_url) as url:
        yield url


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations of the test's own, with those of this version in it."""
    for path in migrations.migrations():
        copy(path, tmp_path)
    monkeypatch.setattr(migrations, "folders", lambda world: (tmp_path,))
    return tmp_path


def password(url: str) -> str:
    return str(conninfo_to_dict(url)["password"])


def soon(condition: Callable[[], bool], within_s: float = 10) -> bool:
    """Whether it is met before long."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'sim')"
        )
        return {name for (name,) in found}


ORDER = """
INSERT INTO orders
    (id, status, attempt, token_in, token_out, amount_in, slippage_bps, due_at, client, account)
VALUES (gen_random_uuid(), %s, 1, 'SOL', 'USDC', 1, 100, now(), 'client', 'local')
"""


def test_migrations_are_numbered_without_hole_or_twin() -> None:
    found = {path for world in WORLDS for path in migrations.migrations(world)}
    numbers = sorted(int(path.name[:3]) for path in found)
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_empty_database_gets_everything_in_order(empty: str) -> None:
    assert migrate(empty) == [path.name for path in migrations.migrations()]
    assert tables(empty) >= {"public.orders", "public.order_events", "sim.transactions", "sim.swaps"}


def test_another_chain_is_refused_while_a_transaction_is_on_its_way_on_the_one_before(empty: str) -> None:
    migrate(empty, chain="simulated")
    with psycopg.connect(empty) as connection:
        connection.execute(ORDER, ["submitted"])
    migrate(empty, chain="simulated")
    with pytest.raises(
        MigrationError, match="1 orders have a transaction on its way on the chain `simulated`"
    ):
        migrate(empty, world="solana", chain="solana local")
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE orders SET status = 'confirmed'")
    migrate(empty, world="solana", chain="solana local")
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE orders SET status = 'building'")
    with pytest.raises(MigrationError, match="`solana local`, which is not `solana devnet`"):
        migrate(empty, world="solana", chain="solana devnet")


def test_what_is_applied_is_not_applied_again(empty: str) -> None:
    migrate(empty)
    assert migrate(empty) == []


def test_a_later_version_adds_only_what_is_new_and_keeps_what_is_there(empty: str, files: Path) -> None:
    migrate(empty)
    with psycopg.connect(empty) as connection:
        connection.execute(
            "INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps)"
            " VALUES (gen_random_uuid(), 'SOL', 'USDC', 1, 1)"
        )
    (files / "900_later.sql").write_text("CREATE TABLE later (n integer);")
    assert migrate(empty) == ["900_later.sql"]
    assert "public.later" in tables(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_several_processes_at_once_apply_everything_once(empty: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        applied = list(threads.map(migrate, [empty] * 6))
    assert sorted(name for names in applied for name in names) == [
        path.name for path in migrations.migrations()
    ]


def test_a_migration_that_fails_leaves_nothing_of_itself_and_the_next_run_goes_on_there(
    empty: str, files: Path
) -> None:
    (files / "900_broken.sql").write_text("CREATE TABLE half (n integer); SELECT no_such_column;")
    with pytest.raises(MigrationError, match=r"900_broken\.sql.*no_such_column"):
        migrate(empty)
    assert "public.orders" in tables(empty)
    assert "public.half" not in tables(empty)
    (files / "900_broken.sql").write_text("CREATE TABLE half (n integer);")
    assert migrate(empty) == ["900_broken.sql"]


def test_a_failure_says_which_migration_it_was_and_nothing_of_the_password(empty: str, files: Path) -> None:
    (files / "900_broken.sql").write_text("SELECT no_such_column;")
    with pytest.raises(MigrationError) as raised:
        migrate(empty)
    assert str(raised.value).startswith("900_broken.sql failed, and has changed nothing: column")
    assert password(empty) not in str(raised.value)


@pytest.mark.parametrize("given", ["postgresql://a:secret%@h/d", "secret word"])
def test_a_url_that_is_none_is_not_repeated(given: str) -> None:
    with pytest.raises(MigrationError) as raised:
        migrate(given)
    assert str(raised.value) == "DATABASE_URL is not one that libpq can read."
    assert raised.value.__suppress_context__


# The function


@pytest.fixture
async def deployed(empty: str) -> AsyncIterator[None]:
    """The engine of a process that has the empty database."""
    runtime.start(Config(database_url=empty), loop=asyncio.get_running_loop())
    yield
    await runtime.stop()


async def test_the_function_says_what_it_applied_and_nothing_the_second_time(deployed: None) -> None:
    names = [path.name for path in migrations.migrations()]
    assert await asyncio.to_thread(app.migrate, {}, None) == {"applied": names}
    assert await asyncio.to_thread(app.migrate, {}, None) == {"applied": []}


async def test_the_function_fails_where_a_migration_does(deployed: None, files: Path) -> None:
    (files / "900_broken.sql").write_text("SELECT no_such_column;")
    with pytest.raises(MigrationError, match="900_broken"):
        await asyncio.to_thread(app.migrate, {}, None)


# A database that is only waking up


def test_a_database_that_wakes_up_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migrations, "ASK_AGAIN_S", 0.02)
    server = Postgres(tmp_path / "postgres", durable=False, temporary=True)
    server.start()
    try:
        url = server.url
        server.kill()
        with ThreadPoolExecutor(1) as threads:
            applying = threads.submit(migrate, url, patience_s=20)
            assert soon(lambda: "database unavailable" in caplog.text)
            server.start()
            assert applying.result() == [path.name for path in migrations.migrations()]
    finally:
        server.stop()
    assert password(url) not in caplog.text


def test_a_database_that_never_wakes_up_is_given_up_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "ASK_AGAIN_S", 0.02)
    with pytest.raises(MigrationError, match="does not let the migration in") as raised:
        migrate("postgresql://engine:secret@127.0.0.1:1/orders", patience_s=0.1)
    assert "secret" not in str(raised.value)


# How long a statement may take


def limits(url: str) -> tuple[str, ...]:
    """What holds for a session that asks for nothing."""
    names = ("statement_timeout", "lock_timeout")
    with psycopg.connect(url) as connection:
        return tuple(value for name in names for (value,) in connection.execute(f"SHOW {name}".encode()))


@pytest.fixture
def ordinary(empty: str) -> Iterator[str]:
    """The database for a role that owns it and has no other right."""
    role, name = f"role_{uuid.uuid4().hex}", conninfo_to_dict(empty)["dbname"]
    with psycopg.connect(empty, autocommit=True) as server:
        server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'ordinary'".encode())
        server.execute(f"ALTER DATABASE {name} OWNER TO {role}".encode())
        yield make_conninfo(empty, user=role, password="ordinary")
        server.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER".encode())
        server.execute(f"DROP ROLE {role}".encode())


def limit(url: str, name: str, value: str) -> None:
    """Give the role a limit of its own, as a migration does."""
    with psycopg.connect(url, autocommit=True) as connection:
        database = connection.info.dbname
        connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{value}'".encode())


def test_an_ordinary_role_gets_limits_which_are_its_own_and_in_this_database_alone(
    empty: str, ordinary: str
) -> None:
    migrate(ordinary)
    assert limits(ordinary) == ("5s", "4s")
    assert limits(empty) == limits(make_conninfo(ordinary, dbname="postgres")) == ("0", "0")


async def test_the_engines_connections_are_under_the_limits_and_ask_for_none(empty: str) -> None:
    await asyncio.to_thread(migrate, empty)
    database = Database(empty)
    try:
        async with database.connection() as connection:
            asked = await connection.execute(
                "SELECT setting, source FROM pg_settings WHERE name = 'statement_timeout'"
            )
            assert await asked.fetchone() == {"setting": "5000", "source": "database user"}
    finally:
        await database.close()


def test_a_migration_may_take_longer_than_the_engines_statements(empty: str, files: Path) -> None:
    migrate(empty)
    limit(empty, "statement_timeout", "20ms")
    (files / "900_slow.sql").write_text("SELECT pg_sleep(0.1);")
    assert migrate(empty) == ["900_slow.sql"]


def test_a_migration_waits_for_another_longer_than_the_engine_waits_for_a_lock(
    empty: str, files: Path
) -> None:
    migrate(empty)
    (files / "900_later.sql").write_text("CREATE TABLE later (n integer);")
    limit(empty, "lock_timeout", "1ms")
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        " AND datname = current_database() AND clock_timestamp() - state_change > '20ms'"
    )
    with (
        psycopg.connect(empty, autocommit=True) as other,
        psycopg.connect(empty, autocommit=True) as looker,
        ThreadPoolExecutor(1) as threads,
    ):
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", [migrations.LOCK])
            applying = threads.submit(migrate, empty)
            assert soon(lambda: looker.execute(waits.encode()).fetchone() == (1,))
        assert applying.result() == ["900_later.sql"]
