"""Prepared statements directly over libpq, for statements that run a hundred times a second.

A psycopg cursor costs four times as much as the libpq calls it makes: it finds each parameter's type, looks
the statement up among its prepared ones, and describes the result. Here a statement is prepared once
by its name, each parameter is text that the statement casts, and rows are loaded by psycopg's own loaders.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from .arrays import literal

Row = dict[str, Any]

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
UNFIT = {
    "0A000",  # cached plan must not change result type: a migration has changed a table
    "26000",  # the prepared statement does not exist: a proxy has given the session to another server
    "42P05",  # … or it exists already
    "25006",  # read-only: the session's server was demoted by a fail-over
    "25P02",  # within a failed transaction, which is not this engine's
    "XX000",  # an internal error, such as a cached object that is not there any more
}
"""SQLSTATEs that are a matter of the session: the statement had no effect, and another session may run it."""


MISSING = (
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidTextRepresentation,  # a status; a statement's other constants are always valid
)
"""What preparing a statement raises on the schema of an older version."""


class SchemaBehind(psycopg.ProgrammingError):
    """The statement needs a later schema: a deployment replaces the code first, and migrates then."""


class SessionUnfit(psycopg.OperationalError):
    """The session can't run the statement, which had no effect. Its connection is closed."""


class ReplyLost(psycopg.OperationalError):
    """The statement may have been carried out, and its reply is lost. The connection is closed or broken."""


class Statement:
    """A statement with its parameters by position: `%(ids)s` becomes `$1`."""

    def __init__(self, name: str, sql: str) -> None:
        self.name = name.encode()
        self.parameters = list(dict.fromkeys(PLACEHOLDER.findall(sql)))
        self.sql = PLACEHOLDER.sub(lambda found: f"${self.parameters.index(found[1]) + 1}", sql).encode()

    def encode(self, columns: Mapping[str, Any]) -> list[bytes | None]:
        """The parameters as libpq takes them. Raises DataError, and KeyError if one is missing."""
        return [_encode(columns[parameter]) for parameter in self.parameters]


async def execute(
    connection: psycopg.AsyncConnection[Any],
    prepared: set[bytes],
    statement: Statement,
    values: list[bytes | None],
) -> list[Row]:
    """The rows that a statement gives; `prepared` are the names that this connection knows.

    Raises SchemaBehind, SessionUnfit, ReplyLost, and else what psycopg raises. When the wait is cancelled the
    statement goes on, and the connection can be used again after `read_rest`.
    """
    pgconn = connection.pgconn
    sent = False
    try:
        if statement.name not in prepared:
            prepared.add(statement.name)  # also where the wait is cancelled: the server goes on
            pgconn.send_prepare(statement.name, statement.sql)
            try:
                await _result(pgconn)
            except psycopg.Error as error:
                prepared.discard(statement.name)
                if isinstance(error, MISSING):
                    raise SchemaBehind(f"{statement.name.decode()}: {error}") from error
                raise
        sent = True
        pgconn.send_query_prepared(statement.name, values)
        result = await _result(pgconn)
    except psycopg.Error as error:
        name = statement.name.decode()
        if error.sqlstate in UNFIT:
            await connection.close()
            raise SessionUnfit(f"{name} must be prepared again, on another connection: {error}") from error
        if pgconn.status != ConnStatus.OK or isinstance(error, psycopg.errors.StatementCompletionUnknown):
            await connection.close()
            raise (ReplyLost if sent else SessionUnfit)(f"{name}: {error}") from error
        raise
    try:
        return _rows(connection, result)
    except Exception as error:  # carried out, and answered in a form that this session should not have
        await connection.close()
        raise ReplyLost(f"{statement.name.decode()} has an unreadable reply: {error}") from error


def _rows(connection: psycopg.AsyncConnection[Any], result: PGresult) -> list[Row]:
    if not result.ntuples:  # as most passes of the schedules find; the loaders take longer than the statement
        return []
    names = [name.decode() for index in range(result.nfields) if (name := result.fname(index)) is not None]
    loaders = Transformer(connection)
    loaders.set_pgresult(result)
    return loaders.load_rows(0, result.ntuples, lambda row: dict(zip(names, row, strict=True)))


async def read_rest(connection: psycopg.AsyncConnection[Any]) -> None:
    """Wait for the end of a statement whose wait was cancelled. Raises OperationalError."""
    with contextlib.suppress(psycopg.Error):
        await _result(connection.pgconn)
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        raise psycopg.OperationalError("the connection is lost")


async def _result(pgconn: PGconn) -> PGresult:
    """The result of what was sent, once the server is ready for more. Raises its error.

    The socket is unwatched before libpq may close it, as the next connection may reuse its descriptor.
    """
    loop = asyncio.get_running_loop()
    while pgconn.flush():  # more than the socket's buffer has room for
        await _when(loop.add_writer, loop.remove_writer, pgconn.socket)
    results: list[PGresult] = []
    while True:
        await _when(loop.add_reader, loop.remove_reader, pgconn.socket)
        pgconn.consume_input()
        while not pgconn.is_busy():
            if (result := pgconn.get_result()) is not None:
                results.append(result)
                continue
            for result in results:  # a commit may fail after the statement's own result
                if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
                    raise _error(result)
            return results[0]


async def _when(watch: Callable[..., None], unwatch: Callable[[int], Any], socket: int) -> None:
    """Return once the socket is ready, or broken."""
    ready = asyncio.get_running_loop().create_future()
    watch(socket, _set, ready)
    try:
        await ready
    finally:
        unwatch(socket)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _error(result: PGresult) -> psycopg.Error:
    message = result.get_error_message()
    sqlstate = result.error_field(DiagnosticField.SQLSTATE)
    if sqlstate is None:  # from libpq itself: the connection is lost
        return psycopg.OperationalError(message)
    try:
        return psycopg.errors.lookup(sqlstate.decode())(message)
    except KeyError:
        return psycopg.DatabaseError(message)


def _encode(value: Any) -> bytes | None:
    match value:
        case None:
            return None
        case list():
            text = literal(value)
        case bool():
            text = "true" if value else "false"
        case datetime():
            text = value.isoformat()
        case _:
            text = str(value)
    if "\0" in text:  # libpq would cut the text there
        raise psycopg.DataError("a text for Postgres cannot contain NUL")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise psycopg.DataError(f"not a text: {error}") from None
