"""Keep-alive HTTP/1.1 connections to one server, on the event loop.

request → wait for a place → the connection used last, or a new one → bytes out → httptools → Answer

One request at a time goes over a connection. httpcore's pool looks at every connection for every request,
which took 2 ms of CPU with sixteen of them; here a request costs the same with any number.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

IDLE_S = 30.0  # less than any AWS endpoint keeps a silent connection


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes


class HttpConnections:
    """At most `connections` to `host` and `port`, over TLS if there is a `tls` context.

    A request waits, as long as it must, for a place among them; then `connect_s` seconds for a new connection
    and `answer_s` for the whole answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        connections: int,
        connect_s: float,
        answer_s: float,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._connect_s, self._answer_s = connect_s, answer_s
        self._places = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []  # the one used last is at the end, and is used next

    async def request(self, message: Callable[[], bytes]) -> Answer:
        """The answer to the HTTP request that `message` makes, once it is its turn, as a signature ages.

        Raises OSError, which TimeoutError is, without an answer.
        """
        async with self._places:
            while kept := self._take_idle():
                try:
                    return await self._ask(kept, message())
                except ConnectionError:
                    if kept.has_answered:
                        raise
                    # The server has just closed it, as a server may; the others may be closed, too.
            return await self._ask(await self._connect(), message())

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, connection: _Connection, message: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._answer_s):
                answer = await connection.ask(message)
        except BaseException as error:
            connection.close()  # the answer may come yet, and must not become the next request's
            if isinstance(error, TimeoutError):
                self.close()  # the idle ones took the same way, which may be silent
            raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_s):
            _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        return connection

    def _take_idle(self) -> _Connection | None:
        unused_since = asyncio.get_running_loop().time() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.used_at > unused_since:
                return connection
            connection.close()
        return None


class _Connection(asyncio.Protocol):
    """One connection; httptools calls its `on_…` methods with what it finds in the server's bytes."""

    def __init__(self) -> None:
        self.used_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None  # None before it is made, and once it is lost
        self._answer: asyncio.Future[Answer] | None = None
        self._body = b""
        self.has_answered = False  # if only with a byte

    @property
    def is_open(self) -> bool:
        """Whether another request may go over it."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, message: bytes) -> Answer:
        """Send a request and wait for its answer. Raises ConnectionError if the connection ends before."""
        if self._transport is None:
            raise ConnectionResetError("The connection is closed.")
        self._answer = self._loop.create_future()
        self._body, self.has_answered = b"", False
        self._transport.write(message)
        try:
            return await self._answer
        finally:
            self._answer = None
            self.used_at = self._loop.time()

    def close(self) -> None:
        """Close it, without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.has_answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(ConnectionAbortedError("The server's answer is not HTTP."))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail(ConnectionResetError("The server closed the connection before it had answered."))

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # it answers no request, but perhaps says why the server closes the connection

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:  # interim: the answer comes after it
            self._body = b""
            return
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, self._body))

    def _fail(self, error: ConnectionError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
