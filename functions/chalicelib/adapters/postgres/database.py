"""Postgres for one process: a small pool of connections that are checked and replaced, and queries by name.

The server ends statements that take too long (`sql/004_limits.sql`). If the server itself does not respond,
the connection is closed from this side a little later (`time_limit.py`).

A query is called with columns, lists that travel as arrays (`%(ids)s::uuid[]`, read by the query with
`unnest` or `= ANY`), so the same statement serves one row or a hundred and is prepared once.
"""

from __future__ import annotations

import asyncio
import math
import re
import select
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ...domain.errors import TemporarilyUnavailable
from ..aws.secrets import Credentials, Secret
from .prepared import Row, Statement, execute, read_rest
from .time_limit import within

SQL = Path(__file__).parents[2] / "sql"

CHECK_S = 1.0
FRESH_S = 1.0
USE_S = 6.0  # more than the server gives a statement


class Connection(psycopg.AsyncConnection[Row]):
    """A connection that knows when it was last used, and which statements it has prepared."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.used_at = -math.inf  # of the monotonic clock, in seconds
        self.prepared: set[bytes] = set()

    @property
    def is_fresh(self) -> bool:
        """Whether the connection is alive, as far as is known without a round trip.

        It is if it was used within FRESH_S and has nothing to read: an idle server sends nothing, and one
        that has ended sends a notice or closes the stream.
        """
        return time.monotonic() - self.used_at < FRESH_S and not _is_readable(self.fileno())


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
        self._timeout = timeout
        self._statements: dict[str, Statement] = {}
        self.load(SQL / "queries.sql")
        self._free = asyncio.Semaphore(connections)
        self._abandoned: set[asyncio.Task[None]] = set()
        self._warm: list[Connection] = []  # used within FRESH_S: taken again without the pool
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            timeout=timeout,
            max_idle=300,
            reconnect_timeout=1,  # then the next caller reconnects, so no back-off outlasts the outage
            reconnect_failed=self._distrust,
            check=_check,
            connection_class=Connection,
            kwargs=self._options,
            open=False,
            name="orders",
        )

    def load(self, queries: Path) -> None:
        """Add the statements of another file."""
        self._statements |= {name: Statement(name, sql) for name, sql in load_queries(queries).items()}

    async def close(self) -> None:
        """Close every connection, once the cancelled statements have ended."""
        if self._abandoned:
            await asyncio.wait(self._abandoned)
        while self._warm:
            await self._pool.putconn(self._warm.pop())
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A live connection, for statements without a name. Raises TemporarilyUnavailable."""
        with _unavailable():
            connection = await self._take()
            try:
                with within(USE_S, connection):
                    yield connection
            finally:
                await self._give_back(connection)

    async def run(self, name: str, **columns: Any) -> list[Row]:
        """The rows that the named query gives; a column is a list, or one value for all rows.

        Raises TemporarilyUnavailable.
        """
        statement = self._statements[name]
        values = statement.encode(columns)
        with _unavailable():
            connection = await self._take()
            try:
                with within(USE_S, connection):
                    rows = await execute(connection, connection.prepared, statement, values)
            except asyncio.CancelledError:
                self._abandon(connection)
                raise
            except BaseException:
                await self._give_back(connection)
                raise
            await self._give_back(connection)
            return rows

    def _abandon(self, connection: Connection) -> None:
        """Keep the place until the server is through with the statement, so that no more than allowed run."""
        reading = asyncio.create_task(self._read_rest(connection), name="abandoned statement")
        self._abandoned.add(reading)
        reading.add_done_callback(self._abandoned.discard)

    async def _read_rest(self, connection: Connection) -> None:
        try:
            with within(USE_S, connection):
                await read_rest(connection)
        except psycopg.Error:
            await connection.close()
        finally:
            await self._give_back(connection)

    async def _take(self) -> Connection:
        """A connection that was used within FRESH_S, or one that the pool has checked or made."""
        if self._pool.closed:
            await self._pool.open()  # returns at once; the first to need a connection waits for it
        if self._free.locked():
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            while self._warm:
                connection = self._warm.pop()
                if connection.is_fresh:
                    return connection
                await self._pool.putconn(connection)
            return await self._pool.getconn()
        except BaseException:
            self._free.release()
            raise

    async def _give_back(self, connection: Connection) -> None:
        try:
            if connection.pgconn.transaction_status == TransactionStatus.IDLE and not self._pool.closed:
                connection.used_at = time.monotonic()
                self._warm.append(connection)
            else:  # broken, or within a transaction: the pool resets or replaces it
                await self._pool.putconn(connection)
        finally:
            self._free.release()

    async def _options(self) -> dict[str, Any]:
        """The options of each new connection; the statement time-out is set on the role."""
        options = {
            "autocommit": True,
            "row_factory": dict_row,
            "connect_timeout": 3,
            "application_name": "order-engine",
        }
        return options if self._secret is None else options | login(await self._secret.current())

    def _distrust(self, pool: AsyncConnectionPool[Connection]) -> None:
        if self._secret is not None:
            self._secret.distrust()


def login(credentials: Credentials) -> dict[str, str]:
    """The credentials as libpq options."""
    return {"user": credentials.username, "password": credentials.password}


async def _check(connection: Connection) -> None:
    """Raise OperationalError unless the connection answers."""
    with within(CHECK_S, connection):
        await AsyncConnectionPool.check_connection(connection)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError) as error:
        raise TemporarilyUnavailable("The database is not available right now.") from error


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))  # hung up or in error, too
