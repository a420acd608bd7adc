"""A TCP proxy between two programs, which delays, cuts, black-holes and truncates what passes.

    async with Link.to(services.database_url) as link:
        database = Database(link.url)
        link.down.reset_when(lambda reply: b"create_orders" in link.up.last)  # committed, its reply is lost

`up` is the direction of requests, `down` that of replies. A fault holds until `heal()`; connections that were
reset or black-holed stay so, and new ones pass unless the fault still holds.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with a reset
CHUNK = 65536


class Direction:
    """What becomes of the bytes of one direction; `last` is the last chunk, `bytes` their number."""

    def __init__(self) -> None:
        self.last = b""
        self.bytes = 0
        self.faults = 0  # how often a fault has struck
        self._delay_s = 0.0
        self._black_hole = False
        self._reset: Callable[[bytes], bool] | None = None
        self._keep = 0

    def delay(self, seconds: float) -> None:
        """Hold each chunk back that long."""
        self._delay_s = seconds

    def black_hole(self) -> None:
        """Swallow what comes; no connection is closed for it."""
        self._black_hole = True

    def reset_when(self, matches: Callable[[bytes], bool] = lambda data: True, *, keep: int = 0) -> None:
        """Pass the first `keep` bytes of a chunk that matches, and end its connection on both sides.

        With a reset; with a plain close if some bytes are kept, since a reset may overtake them.
        """
        self._reset, self._keep = matches, keep

    def heal(self) -> None:
        """Pass everything from now on."""
        self._delay_s, self._black_hole, self._reset = 0.0, False, None

    async def forward(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Forward a chunk as the faults say; False if its connection is to be reset."""
        self.last, self.bytes = data, self.bytes + len(data)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if self._black_hole:
            self.faults += 1
            return True
        if self._reset is not None and self._reset(data):
            self.faults += 1
            if self._keep:
                writer.write(data[: self._keep])
                writer.close()
            return False
        writer.write(data)
        await writer.drain()
        return True


class Link:
    """A proxy on a free port of 127.0.0.1 to `host:port`; `url` is the target's URL through it."""

    def __init__(self, host: str, port: int, url: str = "") -> None:
        self.up, self.down = Direction(), Direction()
        self.connections = 0
        self.url = ""
        self._target = host, port
        self._target_url = url
        self._writers: set[asyncio.StreamWriter] = set()
        self._lost: set[asyncio.StreamWriter] = set()  # of connections that are black-holed for good
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Link]:
        """A link to the server that the URL names, until the block ends."""
        parts = urlsplit(url)
        link = cls(parts.hostname or "127.0.0.1", parts.port or 5432, url)
        await link.open()
        try:
            yield link
        finally:
            await link.close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        parts = urlsplit(self._target_url)
        user = parts.netloc.rpartition("@")[0]
        place = f"{user}@127.0.0.1:{self.port}" if user else f"127.0.0.1:{self.port}"
        self.url = urlunsplit(parts._replace(netloc=place))

    async def close(self) -> None:
        """Reset every connection, and listen no longer."""
        self.heal()
        self.cut()
        if self._server is not None:
            self._server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection there is."""
        for writer in [*self._writers]:
            _reset(writer)

    def black_hole(self) -> None:
        """Let nothing pass in either direction, and close nothing."""
        self.up.black_hole()
        self.down.black_hole()

    def lose(self) -> None:
        """Black-hole for good the connections that are open now, and pass new ones.

        As a firewall does that has forgotten idle connections.
        """
        self._lost |= self._writers

    def heal(self) -> None:
        """Pass everything from now on."""
        self.up.heal()
        self.down.heal()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task, ends = asyncio.current_task(), {writer}
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            ends.add(far_writer)
            self._writers |= ends
            await self._pump_both((reader, far_writer, self.up), (far_reader, writer, self.down))
        except (OSError, asyncio.CancelledError):
            pass  # the target is away, or the link is closed
        finally:
            self._writers -= ends
            self._lost -= ends
            self._tasks.discard(task)
            for end in ends:
                if not end.is_closing():
                    _reset(end)

    async def _pump_both(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter, Direction]) -> None:
        pumps = [asyncio.create_task(self._pump(*way)) for way in ways]
        self._tasks.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._tasks.difference_update(pumps)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if writer in self._lost:
                    direction.faults += 1
                elif not await direction.forward(data, writer):
                    return


def _reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
