from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy

import psycopg
import pytest
from chalicelib import migrations
from chalicelib.migrations import migrate
from psycopg.conninfo import make_conninfo

from local.services import Endpoints


@pytest.fixture
def empty(services: Endpoints) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        yield make_conninfo(services.database_url, dbname=name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations of the test's own, with those of this version in it."""
    for path in migrations.migrations():
        copy(path, tmp_path)
    monkeypatch.setattr(migrations, "SQL", tmp_path)
    return tmp_path


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'sim')"
        )
        return {name for (name,) in found}


def test_migrations_are_numbered_without_hole_or_twin() -> None:
    numbers = [int(path.name[:3]) for path in migrations.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_empty_database_gets_everything_in_order(empty: str) -> None:
    assert migrate(empty) == [path.name for path in migrations.migrations()]
    assert tables(empty) >= {"public.orders", "public.order_events", "sim.transactions", "sim.swaps"}


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
    assert sorted(map(len, applied)) == [0] * 5 + [len(migrations.migrations())]


def test_a_migration_that_fails_leaves_nothing_of_itself_or_of_those_before_it(
    empty: str, files: Path
) -> None:
    (files / "900_broken.sql").write_text("CREATE TABLE half (n integer); SELECT no_such_column;")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate(empty)
    assert tables(empty) == set()
    (files / "900_broken.sql").unlink()
    assert migrate(empty) == [path.name for path in migrations.migrations()]
