"""The role that the functions serve as may do all that their statements do, and change no schema."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from chalicelib import migrations
from chalicelib.adapters.aws.secrets import Credentials
from chalicelib.migrations import MigrationError, migrate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege, OperationalError
from psycopg.sql import Composable

from local.services import Endpoints
from tests.databases import new_database
from tests.integration.adapters.postgres.test_plans import QUERIES, custom, generic

PASSWORD = "it's 'quoted' and \\ more"


class Kept:
    """A secret that is read."""

    def __init__(self, username: str, password: str) -> None:
        self.held = Credentials(username, password)

    def read(self) -> Credentials:
        return self.held

    def distrust(self) -> None:
        """It is always read."""


@dataclass(frozen=True)
class Split:
    """A database whose owner is no superuser, as RDS's master user is none, and the role that serves."""

    superuser: str
    owner: str
    role: str
    secret: Kept

    def migrate(self, secret: Kept | None = None) -> list[str]:
        return migrate(self.owner, role=secret or self.secret)  # type: ignore[arg-type]


@contextmanager
def new_split(services: Endpoints) -> Iterator[Split]:
    """Not migrated yet."""
    mark = uuid.uuid4().hex[:12]
    owner, role = f"owner_{mark}", f"role_{mark}"
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'owner'".encode())
        try:
            with new_database(services.database_url, f"OWNER {owner}") as url:
                secret = Kept(role, PASSWORD)
                as_owner = make_conninfo(url, user=owner, password="owner")
                as_role = make_conninfo(url, user=role, password=PASSWORD)
                yield Split(url, as_owner, as_role, secret)
        finally:
            for name in (role, owner):
                server.execute(f"DROP ROLE IF EXISTS {name}".encode())


@pytest.fixture
def split(services: Endpoints) -> Iterator[Split]:
    """Not migrated yet."""
    with new_split(services) as made:
        yield made


@pytest.fixture
def served(split: Split) -> Split:
    """Migrated."""
    assert split.migrate() == [path.name for path in migrations.migrations()]
    return split


@pytest.fixture(scope="module")
def unchanged(services: Endpoints) -> Iterator[Split]:
    """Migrated, for tests that leave it as it is."""
    with new_split(services) as made:
        made.migrate()
        yield made


def session(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


def settings(connection: psycopg.Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        "SELECT name, setting FROM pg_settings WHERE source = 'database user' ORDER BY name"
    )
    return found.fetchall()


def test_the_role_may_run_every_statement_of_the_engine_and_its_simulation(unchanged: Split) -> None:
    """A plan is made only for who may run it."""
    with session(unchanged.role) as role:
        for name in QUERIES:
            assert generic(role, QUERIES[name]), name
            role.execute("SET plan_cache_mode = auto")
            assert custom(role, name), name


def test_its_sessions_have_the_limits_and_plans_of_the_owners(unchanged: Split) -> None:
    with session(unchanged.owner) as owner, session(unchanged.role) as role:
        assert settings(role) == settings(owner)
        assert ("enable_seqscan", "off") in settings(role)
        assert ("statement_timeout", "5000") in settings(role)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE TABLE sim.mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE INDEX ON orders (client)",
        "CREATE ROLE mine",
        "ALTER TABLE orders ADD COLUMN mine text",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "ALTER TYPE order_status ADD VALUE 'mine'",
        "ALTER FUNCTION is_terminal(order_status) RENAME TO mine",
        "DROP TABLE sim.faults",
        "DROP INDEX api_keys_of_account",
        "DROP SCHEMA sim CASCADE",
        "TRUNCATE orders CASCADE",
        "GRANT SELECT ON schema_migrations TO PUBLIC",
        "SELECT * FROM schema_migrations",
        "INSERT INTO schema_migrations (name) VALUES ('999_mine.sql')",
        "COPY orders TO PROGRAM 'cat'",
    ],
)
def test_it_changes_no_schema_and_no_rights(unchanged: Split, statement: str) -> None:
    with session(unchanged.role) as role, pytest.raises(InsufficientPrivilege):
        role.execute(statement.encode())


def test_it_hands_nothing_on_that_it_may_do_itself(unchanged: Split) -> None:
    rights = "SELECT relacl::text FROM pg_class WHERE relname = 'orders'"
    with session(unchanged.role) as role:
        before = role.execute(rights).fetchone()
        role.execute("GRANT SELECT ON orders TO PUBLIC")  # which Postgres only warns of
        assert role.execute(rights).fetchone() == before


def test_it_is_served_by_tables_of_later_migrations_at_once(served: Split) -> None:
    with session(served.owner) as owner, session(served.role) as role:
        owner.execute("CREATE TABLE later (id bigserial PRIMARY KEY)")
        role.execute("INSERT INTO later DEFAULT VALUES")
        owner.execute("CREATE SCHEMA venue CREATE TABLE pools (id integer)")
        with pytest.raises(InsufficientPrivilege):
            role.execute("SELECT FROM venue.pools")
    assert served.migrate() == []
    with session(served.role) as role:
        role.execute("SELECT FROM venue.pools")


def test_a_second_run_changes_no_rights(unchanged: Split) -> None:
    rights = (
        "SELECT oid, xmin::text, relacl::text FROM pg_class WHERE relnamespace > 16000 OR relname = 'orders'"
    )
    with session(unchanged.owner) as owner:
        before = owner.execute(rights).fetchall()
        assert unchanged.migrate() == []
        assert owner.execute(rights).fetchall() == before


def test_a_password_that_was_rotated_counts_after_the_next_run_and_cuts_no_session(served: Split) -> None:
    with session(served.role) as warm:
        rotated = Kept(served.secret.held.username, "another")
        assert served.migrate(rotated) == []
        warm.execute("SELECT FROM orders")
    with pytest.raises(OperationalError):
        session(served.role)
    with session(make_conninfo(served.role, password="another")) as role:
        role.execute("SELECT FROM orders")


def test_the_owner_serves_on_while_there_is_a_role_and_with_one_of_another_name(served: Split) -> None:
    other = served.secret.held.username + "_b"
    assert served.migrate(Kept(other, PASSWORD)) == []
    for who in (served.owner, served.role, make_conninfo(served.role, user=other)):
        with session(who) as connection:
            assert custom(connection, "ping")
    with session(served.superuser) as superuser:
        superuser.execute(f"DROP OWNED BY {other}; DROP ROLE {other}".encode())


def test_its_password_is_in_no_statement_and_so_in_no_log(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(query.as_string(cursor) if isinstance(query, Composable) else str(query))
        return execute(cursor, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noting)
    split.migrate(Kept(split.secret.held.username, "plain"))
    [statement] = [text for text in sent if "PASSWORD" in text]
    assert "'SCRAM-SHA-256$" in statement
    assert "plain" not in statement


def test_a_secret_that_names_the_owner_is_refused(split: Split) -> None:
    with pytest.raises(MigrationError, match="must be another role"):
        split.migrate(Kept(str(conninfo_to_dict(split.owner)["user"]), "owner"))


def test_a_role_that_may_do_more_than_serve_is_refused(split: Split) -> None:
    name = split.secret.held.username
    with session(split.superuser) as superuser:
        superuser.execute(f"CREATE ROLE {name} CREATEDB".encode())
        with pytest.raises(MigrationError, match="may do more than serve"):
            split.migrate()
        superuser.execute(f"ALTER ROLE {name} NOCREATEDB".encode())


def test_an_owner_who_may_make_no_role_is_said_what_is_missing(split: Split) -> None:
    owner = conninfo_to_dict(split.owner)["user"]
    with session(split.superuser) as superuser:
        superuser.execute(f"ALTER ROLE {owner} NOCREATEROLE".encode())
    with pytest.raises(MigrationError, match="needs CREATEROLE"):
        split.migrate()
    with session(split.owner) as connection:  # the migrations are applied, and the owner serves
        assert custom(connection, "ping")


def test_a_schema_in_which_everybody_may_create_is_refused(split: Split) -> None:
    with session(split.superuser) as superuser:
        superuser.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        superuser.execute("ALTER SCHEMA public OWNER TO postgres")
    with pytest.raises(MigrationError, match="REVOKE CREATE ON SCHEMA public"):
        split.migrate()
