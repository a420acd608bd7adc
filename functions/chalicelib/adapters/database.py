"""Postgres for one process: a small pool of connections that heals itself, and the queries by their names.

The server itself ends a statement that takes too long (`sql/004_limits.sql`), unless it has fallen silent: so
a connection that is used for longer is cut (`time_limit.py`).

A query is called with columns, lists that travel as arrays (`%(ids)s::uuid[]`, read by the query with
`unnest` or `= ANY`), so the same statement serves one row or a hundred and is prepared once.
"""

from __future__ import annotations

import math
import re
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ..domain.errors import TemporarilyUnavailable
from .arrays import literal
from .secrets import Credentials, Secret
from .time_limit import within

SQL = Path(__file__).parent.parent / "sql"

CHECK_S = 1.0
TRUSTED_S = 1.0
USE_S = 6.0  # more than the server gives a statement

Row = dict[str, Any]


class Connection(psycopg.AsyncConnection[Row]):
    """A connection that knows when it was last used, in seconds of the monotonic clock."""

    used_at = -math.inf


def load_queries(path: Path) -> dict[str, str]:
    """The statements of a .sql file by name; each follows a line `-- name: NAME`."""
    parts = re.split(r"^-- name: (\w+)\n", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Database:
    """`await database.run("name", ids=[…], …)` in a connection that is known to be alive."""

    def __init__(
        self, url: str, *, secret: Secret | None = None, connections: int = 4, timeout: float = 2.0
    ) -> None:
        self._secret = secret
        self._queries = load_queries(SQL / "queries.sql") | load_queries(SQL / "sim.sql")
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            timeout=timeout,
            max_idle=300,
            reconnect_timeout=1,  # after that, whoever asks next makes it try: no pause outlasts the outage
            reconnect_failed=self._distrust,
            check=_check,
            connection_class=Connection,
            kwargs=self._options,
            open=False,
            name="orders",
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A live connection. Raises TemporarilyUnavailable while Postgres is away."""
        try:
            if self._pool.closed:
                await self._pool.open()  # returns at once; the first to need a connection waits for it
            async with self._pool.connection() as connection:
                with within(USE_S, connection):
                    yield connection
                connection.used_at = time.monotonic()
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise TemporarilyUnavailable("The database is not available right now.") from error

    async def run(self, name: str, **columns: Any) -> list[Row]:
        """The rows that the named query gives; a column is a list, or one value for all rows.

        Raises TemporarilyUnavailable while Postgres is away.
        """
        parameters = {
            column: literal(values) if isinstance(values, list) else values
            for column, values in columns.items()
        }
        async with self.connection() as connection:
            cursor = await connection.execute(self._queries[name].encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def _options(self) -> dict[str, Any]:
        """What each new connection is made with; how long a statement may take is the role's own limit."""
        options = {
            "autocommit": True,
            "row_factory": dict_row,
            "connect_timeout": 3,
            "prepare_threshold": 2,
            "application_name": "order-engine",
        }
        return options if self._secret is None else options | login(await self._secret.current())

    def _distrust(self, pool: AsyncConnectionPool[Connection]) -> None:
        if self._secret is not None:
            self._secret.distrust()


def login(credentials: Credentials) -> dict[str, str]:
    """As libpq calls them."""
    return {"user": credentials.username, "password": credentials.password}


async def _check(connection: Connection) -> None:
    """Raise OperationalError unless the connection is alive.

    One that was used a moment ago and has nothing to read is: an idle Postgres is silent, and one that has
    ended leaves the end of the stream or a notice. Any other is asked, which costs a round trip.
    """
    if time.monotonic() - connection.used_at < TRUSTED_S and not _is_readable(connection.fileno()):
        return
    with within(CHECK_S, connection):
        await AsyncConnectionPool.check_connection(connection)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))  # hung up or in error, too
