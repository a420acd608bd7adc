"""Postgres for one process: a small pool of connections that are checked and replaced, and queries by name.

The server ends statements that take too long (`sql/004_limits.sql`). If the server itself does not respond,
the connection is closed from this side a little later (`time_limit.py`).

A statement whose session turns out to be unfit, or whose reply is lost, is run once more on a new
connection. So each named statement must be safe to repeat although it may have been carried out:
`sql/queries.sql` says of each that changes something how it recognises its own work.

A query is called with columns, lists that travel as arrays (`%(ids)s::uuid[]`, read by the query with
`unnest` or `= ANY`), so the same statement serves one row or a hundred and is prepared once.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ...domain.errors import TemporarilyUnavailable
from ..aws.secrets import Credentials, Secret
from .prepared import ReplyLost, Row, SchemaBehind, SessionUnfit, Statement, execute, read_rest
from .session import make_fit
from .time_limit import within

log = logging.getLogger(__name__)

Result = TypeVar("Result")

SQL = Path(__file__).parents[2] / "sql"

CHECK_S = 1.0
CLOCKS_DIFFER_S = 2.0  # more than a round trip takes
FRESH_S = 1.0
USE_S = 6.0  # more than the server gives a statement
REHEARSAL_LIMITS = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '1s'"

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError)


class RepliesLost(TemporarilyUnavailable):
    """A statement was sent, perhaps twice, and may have been carried out."""


class Connection(psycopg.AsyncConnection[Row]):
    """A connection that knows when it was last used, and which statements it has prepared."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.used_at = -math.inf  # of the monotonic clock, in seconds
        self.generation = 0  # how often a session had been found unfit when this one was made
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
        self._generation = 0
        self.clock_ahead_s = 0.0
        """How far the server's clock is ahead of this process's, measured with each new connection."""
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
            configure=self._configure,
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

        Raises TemporarilyUnavailable; RepliesLost, which is one, if the statement may have been carried out.
        """
        statement = self._statements[name]
        values = statement.encode(columns)

        def work(connection: Connection) -> Awaitable[list[Row]]:
            return execute(connection, connection.prepared, statement, values)

        return await self._again(work)

    async def rehearse(self, name: str, **columns: Any) -> None:
        """Run the named query in a transaction that is rolled back. Raises TemporarilyUnavailable.

        It waits a second at most for a lock, and leaves a few dead rows to autovacuum.
        """
        statement = self._statements[name]
        values = statement.encode(columns)

        async def work(connection: Connection) -> None:
            async with connection.transaction(force_rollback=True):
                await connection.execute(REHEARSAL_LIMITS)
                await execute(connection, connection.prepared, statement, values)

        try:
            await self._again(work)
        except psycopg.Error as error:
            raise TemporarilyUnavailable(f"The database refuses {name}.") from error

    async def _again(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """The result of `work`, on a new connection if the first one's session or reply is of no use."""
        lost = False
        for is_last in (False, True):
            try:
                return await self._use(work)
            except (SessionUnfit, ReplyLost) as error:
                lost = lost or isinstance(error, ReplyLost)
                log.warning("database session given up last_try=%s error=%s", is_last, error)
                if is_last:
                    raise _away(lost) from error
            except SchemaBehind as error:
                raise _away(lost, "The database is being brought to this version.") from error
            except UNAVAILABLE as error:
                raise _away(lost) from error
        raise AssertionError("unreachable")

    async def _use(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        connection = await self._take()
        try:
            with within(USE_S, connection):
                result = await work(connection)
        except asyncio.CancelledError:
            self._abandon(connection)
            raise
        except BaseException as error:
            if isinstance(error, SessionUnfit | ReplyLost) and connection.generation == self._generation:
                self._generation += 1  # the other sessions of that age are likely to be as unfit
            await self._give_back(connection)
            raise
        await self._give_back(connection)
        return result

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
                if connection.is_fresh and connection.generation == self._generation:
                    return connection
                await self._pool.putconn(connection)
            return await self._take_from_pool()
        except BaseException:
            self._free.release()
            raise

    async def _take_from_pool(self) -> Connection:
        """A connection of this generation that answers; the pool replaces the others.

        The pool's own check would wait a second between one dead connection and the next.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            connection = await self._pool.getconn(max(deadline - time.monotonic(), 0))
            try:
                if await self._answers(connection):
                    return connection
            except BaseException:
                await self._pool.putconn(connection)
                raise
            await connection.close()
            await self._pool.putconn(connection)

    async def _answers(self, connection: Connection) -> bool:
        """Whether the connection is of this generation and answers; a new one has just done so."""
        if connection.generation != self._generation:
            return False
        if connection.is_fresh:
            return True
        try:
            with within(CHECK_S, connection):
                await AsyncConnectionPool.check_connection(connection)
        except UNAVAILABLE:
            self._generation += 1
            return False
        return True

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
            "client_encoding": "UTF8",
            "application_name": "order-engine",
        }
        return options if self._secret is None else options | login(await self._secret.current())

    async def _configure(self, connection: Connection) -> None:
        """Make a new session fit for the statements, and measure the server's clock."""
        connection.generation = self._generation
        with within(CHECK_S, connection):
            ahead_s = await make_fit(connection, self.clock_ahead_s)
        if abs(ahead_s - self.clock_ahead_s) > CLOCKS_DIFFER_S:
            log.warning("clocks differ: the database's is ahead by seconds=%.1f", ahead_s)
        self.clock_ahead_s = ahead_s
        connection.used_at = time.monotonic()

    def _distrust(self, pool: AsyncConnectionPool[Connection]) -> None:
        if self._secret is not None:
            self._secret.distrust()


def login(credentials: Credentials) -> dict[str, str]:
    """The credentials as libpq options."""
    return {"user": credentials.username, "password": credentials.password}


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except UNAVAILABLE as error:
        raise _away() from error


def _away(
    lost: bool = False, reason: str = "The database is not available right now."
) -> TemporarilyUnavailable:
    return (RepliesLost if lost else TemporarilyUnavailable)(reason)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))  # hung up or in error, too
