"""A column's values as a Postgres array literal.

psycopg's own lists are typed by their values (integers by their size, texts unless all are NULL): the same
statement would be prepared again for each mixture. A literal has only the type it is cast to.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

Value = str | bytes | int | Decimal | datetime | None


def literal(values: Iterable[Value]) -> str:
    """`{…}`, for a parameter that the statement casts to an array's type."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case bytes():
            return '"\\\\x' + value.hex() + '"'
        case _:
            return str(value)
