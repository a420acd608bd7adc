"""A client that sends bytes as a test says, in the pieces that it says, and reads whole responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 10.0


@dataclass(frozen=True)
class RawResponse:
    """A response as it came, its headers' names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, from JSON."""
        return json.loads(self.body)


class RawClient:
    """One TCP connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> RawClient:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.writer.close()

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces so that the gateway reads each by itself."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            for _ in range(3):  # turns of the loop that the gateway shares: enough to read it
                await asyncio.sleep(0)

    async def response(self, method: str = "GET") -> RawResponse:
        """The next response, whole."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
            body = await self._reader.readexactly(length)
        return RawResponse(int(status_line.split()[1]), headers, body)

    async def rest(self) -> bytes:
        """What still comes until the gateway ends the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""


def request(
    line: str = "POST /api/orders/execute", body: bytes = b"", *, chunks: Iterable[bytes] = (), **headers: str
) -> bytes:
    """A request; underscores in a header's name are hyphens. `chunks` are sent chunked."""
    lines = [f"{line} HTTP/1.1", *([] if "host" in {name.lower() for name in headers} else ["Host: engine"])]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = chunked + b"0\r\n\r\n"
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
