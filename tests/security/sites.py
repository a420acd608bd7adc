"""Sites that an attacker has: pages of other origins than the engine's, and names whose address changes."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!doctype html><title>a page</title><body></body>"
TO = "to"


class Site:
    """Serves an empty page, and at /redirect?to=… has a request made again elsewhere. A context manager.

    With `rebound_to` it is a name whose address has changed once the page was loaded: all else reaches that
    port of this machine, as it came.
    """

    def __init__(self, rebound_to: int | None = None) -> None:
        self._rebound_to = rebound_to
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Site:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                if self._rebound_to is not None and path != "/page":
                    await _forward(head, reader, writer, self._rebound_to)
                else:
                    writer.write(_answer(path))
                    await writer.drain()
        finally:
            self._serving.discard(task)
            writer.close()


def _answer(path: str) -> bytes:
    url = urlsplit(path)
    if url.path == "/redirect":
        to = parse_qs(url.query)[TO][0]
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nAccess-Control-Allow-Origin: *\r\n"
        return f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE


async def _forward(head: bytes, reader: StreamReader, writer: StreamWriter, port: int) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    back.write(head)
    try:
        await asyncio.wait(
            [asyncio.create_task(_pipe(reader, back)), asyncio.create_task(_pipe(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        back.close()


async def _pipe(source: StreamReader, sink: StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
