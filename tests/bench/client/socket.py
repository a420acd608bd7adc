"""A WebSocket that listens: the handshake, then each message to a callback."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

from .frames import Opcode, masked_frame, parse_frame
from .http import HEAD_END, ProtocolError


class Socket(asyncio.Protocol):
    """A client's socket; `closed` is done once the connection is."""

    def __init__(self, host: str, path: str, on_message: Callable[[bytes], None]) -> None:
        self._host = host
        self._path = path
        self._on_message = on_message
        self._received = b""
        self._parts: list[bytes] = []  # of a message in several frames
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_open = False
        self._transport: asyncio.Transport
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, host: str, port: int, path: str, on_message: Callable[[bytes], None]) -> Socket:
        """Connect and shake hands. Raises ConnectionError, ProtocolError."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: cls(f"{host}:{port}", path, on_message), host, port)
        await socket._opened
        return socket

    def close(self) -> None:
        """Say goodbye and hang up."""
        if not self.closed.done():
            self._transport.write(masked_frame(Opcode.CLOSE, b"\x03\xe8"))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport in all but name
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._received += data
        if not self._is_open and not self._shake_hands():
            return
        at = 0
        while found := parse_frame(self._received, at):
            frame, at = found
            if frame.opcode is Opcode.PING:
                self._transport.write(masked_frame(Opcode.PONG, frame.payload))
            elif frame.opcode is Opcode.CLOSE:
                self._transport.close()
            elif frame.opcode is not Opcode.PONG:
                self._take(frame.payload, frame.last)
        self._received = self._received[at:]

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's."""
        if not self._opened.done():
            self._opened.set_exception(error or ConnectionResetError("the engine hung up"))
        if not self.closed.done():
            self.closed.set_result(None)

    def _shake_hands(self) -> bool:
        end = self._received.find(HEAD_END)
        if end < 0:
            return False
        if not self._received.startswith(b"HTTP/1.1 101"):
            self._opened.set_exception(ProtocolError(f"no handshake: {self._received[:200]!r}"))
            self._transport.close()
            return False
        self._received = self._received[end + len(HEAD_END) :]
        self._is_open = True
        self._opened.set_result(None)
        return True

    def _take(self, payload: bytes, is_last: bool) -> None:
        self._parts.append(payload)
        if is_last:
            whole, self._parts = b"".join(self._parts), []
            self._on_message(whole)
