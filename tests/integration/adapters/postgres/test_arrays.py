"""Array literals: Postgres reads the values that were written."""

from __future__ import annotations

import psycopg
import pytest
from chalicelib.adapters.postgres.arrays import Value, literal

TEXTS = ["", "NULL", "null", None, "a,b", "{}", '"', "\\", '\\"', "ü €", " spaced ", "line\nbreak", "%s"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", TEXTS),
        ("text", []),
        ("bigint", [0, -1, 2**63 - 1, None]),
        ("numeric", [10**19, None]),
        ("bytea", [b"", b'\x00\xff\\"', None]),
    ],
)
def test_postgres_reads_every_value_as_it_was_written(
    database_url: str, kind: str, values: list[Value]
) -> None:
    with psycopg.connect(database_url) as connection:
        cursor = connection.execute(f"SELECT %s::{kind}[]".encode(), [literal(values)])
        assert cursor.fetchone() == (values,)
