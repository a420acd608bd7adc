"""Brings a database to the schema of this version: the numbered files of `sql/`, each once, in order.

Each file is a transaction of its own: one that fails leaves what the ones before it have added.

Those of the world that orders are traded in are numbered along with the engine's.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from .adapters.aws.secrets import Secret
from .adapters.postgres import serving_role
from .adapters.postgres.database import SQL, login
from .domain.errors import TemporarilyUnavailable
from .worlds import schema

log = logging.getLogger(__name__)

LOCK = 7_236_401  # of the advisory lock that lets one process migrate at a time
ASK_AGAIN_S = 1.0
LEAST_VERSION = 14  # the first with SQL functions whose body is parsed when they are made

# The role's own limits are for those who serve. These end a migration before the function that runs it ends,
# and one whose function is gone: its locks would stop the engine.
LIMITS = """
SET LOCAL lock_timeout = 0;
SET LOCAL statement_timeout = '200s';
SET LOCAL idle_in_transaction_session_timeout = '60s';
SET LOCAL search_path = public;  -- as the engine's own sessions
SET LOCAL standard_conforming_strings = on;
"""

FITNESS = """
SELECT current_setting('transaction_read_only'), to_regnamespace('public') IS NOT NULL,
    (SELECT relnamespace::regnamespace::text FROM pg_class
     WHERE oid = to_regclass('schema_migrations') AND relnamespace <> to_regnamespace('public'))
"""

SENT = "SELECT count(*) FROM orders WHERE status IN ('building', 'submitted')"

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """The database could not be brought to this version's schema, and is as it was."""


def folders(world: str) -> tuple[Path, ...]:
    """Where the migrations are: the engine's, and its world's. Raises ConfigError."""
    return SQL, schema(world)


def migrations(world: str = "simulated") -> list[Path]:
    """The migrations, in order. Raises ConfigError."""
    found = (path for folder in folders(world) for path in folder.glob("[0-9][0-9][0-9]_*.sql"))
    return sorted(found, key=lambda path: path.name)


def migrate(
    database_url: str,
    *,
    world: str = "simulated",
    chain: str = "",
    secret: Secret | None = None,
    role: Secret | None = None,
    patience_s: float = 0.0,
) -> list[str]:
    """Apply what is missing, and have the role of that secret ready to serve; the names of what was applied.

    A database that does not answer, perhaps since it is only waking up, is asked again for `patience_s`.
    One that the engine can't work with is refused, and so is another `chain` than orders under way have their
    transactions on. Raises MigrationError.
    """
    with _connect(database_url, secret, patience_s) as connection:
        try:
            _check_fitness(connection)
            applied = [path.name for path in migrations(world) if _apply_once(connection, path)]
            if chain:
                _settle_on(connection, chain)
            if role is not None:
                _prepare(connection, role)
            return applied
        except psycopg.Error as error:
            raise MigrationError(f"The migration has ended early: {error}") from error


def _check_fitness(connection: psycopg.Connection) -> None:
    """Raise MigrationError, with the reason, if the engine can't work with this database."""
    if connection.info.server_version // 10_000 < LEAST_VERSION:
        version = connection.info.parameter_status("server_version")
        raise MigrationError(f"The engine needs Postgres {LEAST_VERSION} or later, and this is {version}.")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationError(f"The database's encoding is {encoding}; the engine needs one in UTF8.")
    found = connection.execute(FITNESS).fetchone()
    assert found is not None
    read_only, has_public, elsewhere = found
    if read_only == "on":
        raise MigrationError("The database is read-only: it is a replica, or a setting makes it so.")
    if not has_public:
        raise MigrationError("The database has no schema public, which is where the engine's tables are.")
    if elsewhere is not None:
        raise MigrationError(
            f"The engine's tables are in the schema {elsewhere}, where a search_path has put them. They "
            "belong in public: move them there with their types and functions (ALTER … SET SCHEMA public)."
        )


def _apply_once(connection: psycopg.Connection, path: Path) -> bool:
    """Apply a migration, unless it was applied before; whether it was missing."""
    with connection.transaction():
        connection.execute(LIMITS)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(LEDGER)
        if connection.execute("SELECT true FROM schema_migrations WHERE name = %s", [path.name]).fetchone():
            return False
        try:
            connection.execute(path.read_text().encode())
        except psycopg.Error as error:
            raise MigrationError(f"{path.name} failed, and has changed nothing: {error}") from error
        connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", [path.name])
        return True


def _settle_on(connection: psycopg.Connection, chain: str) -> None:
    """Record the chain; another one would not know the transactions that are on their way, and swap twice."""
    with connection.transaction():
        connection.execute(LIMITS)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        known = connection.execute("SELECT name FROM chain").fetchone()
        if known is None:
            connection.execute("INSERT INTO chain (name) VALUES (%s)", [chain])
        elif known != (chain,):
            [sent] = connection.execute(SENT).fetchone() or [0]
            if sent:
                raise MigrationError(
                    f"{sent} orders have a transaction on its way on the chain `{known[0]}`, which is not "
                    f"`{chain}`. Have them end with the settings of before, or use another database."
                )
            connection.execute("UPDATE chain SET name = %s", [chain])


def _prepare(connection: psycopg.Connection, role: Secret) -> None:
    try:
        credentials = role.read()
    except TemporarilyUnavailable as error:
        raise MigrationError(str(error)) from error
    with connection.transaction():
        connection.execute(LIMITS)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        try:
            serving_role.prepare(connection, credentials)
        except serving_role.RoleUnfit as error:
            raise MigrationError(str(error)) from error


def _connect(database_url: str, secret: Secret | None, patience_s: float) -> psycopg.Connection:
    until = time.monotonic() + patience_s
    while True:
        try:
            url = make_conninfo(database_url, **login(secret.read())) if secret else database_url
            return psycopg.connect(url, connect_timeout=5, autocommit=True, client_encoding="UTF8")
        except psycopg.ProgrammingError:  # whose text is a piece of the URL, perhaps the password
            raise MigrationError("DATABASE_URL is not one that libpq can read.") from None
        except (psycopg.OperationalError, TemporarilyUnavailable) as error:
            if time.monotonic() + ASK_AGAIN_S > until:
                raise MigrationError(f"The database does not let the migration in: {error}") from error
            log.warning("migrate: database unavailable, retrying error=%s", error)
        if secret:
            secret.distrust()
        time.sleep(ASK_AGAIN_S)
