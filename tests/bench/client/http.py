"""HTTP/1.1 as a load client needs it: keep-alive, one request at a time, answers with a Content-Length."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

KEY = os.environ.get("ENGINE_API_KEY")
ADDRESS = os.environ.get("BENCH_ADDRESS")  # of this machine, that connections come from
AUTHORIZATION = f"Authorization: Bearer {KEY}\r\n" if KEY else ""
HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class ProtocolError(Exception):
    """What came is not what this client can read."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    body: bytes


def request_bytes(method: str, host: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{AUTHORIZATION}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def parse_response(received: bytes) -> tuple[Response, int] | None:
    """The first answer in `received` and where it ends, or None while it is not whole."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        return None
    if not received.startswith(b"HTTP/1.1 "):
        raise ProtocolError(f"not an HTTP answer: {received[:40]!r}")
    status, start = int(received[9:12]), head_end + len(HEAD_END)
    end = start + _length(received[:head_end].lower(), status)
    return (Response(status, received[start:end]), end) if len(received) >= end else None


def _length(head: bytes, status: int) -> int:
    at = head.find(LENGTH)
    if at >= 0:
        return int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
    if status in (101, 204, 304):
        return 0
    raise ProtocolError("an answer without Content-Length")


class HttpConnection(asyncio.Protocol):
    """A connection that is kept."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._received = b""
        self._waiting: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, host: str, port: int) -> HttpConnection:
        """Connect."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: cls(f"{host}:{port}"), host, port, local_addr=(ADDRESS, 0) if ADDRESS else None
        )
        return connection

    async def request(self, method: str, path: str, body: bytes = b"") -> Response:
        """Ask, and wait for the answer. Raises ConnectionError, ProtocolError."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request_bytes(method, self._host, path, body))
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport in all but name

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._received += data
        try:
            found = parse_response(self._received)
        except ProtocolError as error:
            self._fail(error)
            return
        if found and self._waiting:
            response, end = found
            self._received = self._received[end:]
            waiting, self._waiting = self._waiting, None
            waiting.set_result(response)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's."""
        self._fail(error or ConnectionResetError("the engine hung up"))

    def _fail(self, error: Exception) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)
        self._waiting = None
