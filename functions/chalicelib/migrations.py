"""Brings a database to the schema of this version: the numbered files of `sql/`, each once, in order."""

from __future__ import annotations

from pathlib import Path

import psycopg

from .adapters.database import SQL

LOCK = 7_236_401  # of the advisory lock that lets one process migrate at a time

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def migrations() -> list[Path]:
    """The migrations, in order."""
    return sorted(SQL.glob("[0-9][0-9][0-9]_*.sql"))


def migrate(database_url: str) -> list[str]:
    """Apply what is missing, all of it in one transaction or nothing; the names of what was applied."""
    applied = []
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(LEDGER)
        known = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
        for path in migrations():
            if path.name not in known:
                connection.execute(path.read_text().encode())
                connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", [path.name])
                applied.append(path.name)
    return applied
