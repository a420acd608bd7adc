"""An HTTP server whose answers a test scripts, and which records its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

Write = Callable[[bytes], None]
Behaviour = Callable[[Write], Coroutine[Any, Any, bool]]
"""Handles a request: writes the answer, and returns whether the connection stays open."""


def answer(status: int, body: bytes = b"{}", *, last: bool = False) -> Behaviour:
    """Answer with that status; `last` closes the connection after it."""

    async def behave(write: Write) -> bool:
        closing = "connection: close\r\n" if last else ""
        write(f"HTTP/1.1 {status} X\r\n{closing}content-length: {len(body)}\r\n\r\n".encode() + body)
        return not last

    return behave


def raw(text: bytes, *, stays: bool = True) -> Behaviour:
    """Answer with these bytes, and close the connection unless it `stays`."""

    async def behave(write: Write) -> bool:
        write(text)
        return stays

    return behave


def after(released: asyncio.Event, behaviour: Behaviour) -> Behaviour:
    """Wait before doing that."""

    async def behave(write: Write) -> bool:
        await released.wait()
        return await behaviour(write)

    return behave


class ScriptedServer:
    """Handles each request by the next of its `script`, and those after that by the last."""

    def __init__(self, script: Iterable[Behaviour]) -> None:
        self.url = ""
        self.requests: list[str] = []  # the first line of each
        self.connections = 0
        self.under_way = 0
        self.most_under_way = 0
        self._script = [*script]
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed."""
        return len(self._writers)

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        await reader.readexactly(int(headers["content-length"]))
        self.requests.append(first)
        behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await behaviour(writer.write)
        finally:
            self.under_way -= 1


@asynccontextmanager
async def scripted(*script: Behaviour) -> AsyncIterator[ScriptedServer]:
    """A server on a free port until the block ends."""
    server = ScriptedServer(script)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = "http://{}:{}".format(*listening.sockets[0].getsockname())
        yield server
        server.hang_up()
