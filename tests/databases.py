"""Databases of a test's own on the run's server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo


@contextmanager
def new_database(server_url: str, options: str = "") -> Iterator[str]:
    """URL of an empty database, created with `options` and dropped at the end with its connections."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} {options}".encode())
        try:
            yield make_conninfo(server_url, dbname=name)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
