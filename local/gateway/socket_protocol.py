"""A WebSocket's bytes: uvicorn's protocol, and the `Transport` of a connection, which ASGI does not offer.

A client is read only as fast as it is served and as it reads itself: while a message of it waits for its
function, or what was written to it has no room, nothing of it is parsed. What it sends in one go is parsed in
slices, between which others are served.

A write to a client that reads nothing waits until 64 KB have room in the transport, and so does a close
frame; so such a client is cut off.
"""

from __future__ import annotations

from asyncio.transports import BaseTransport, Transport
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

SLICE_BYTES = 2_048  # at some 10 µs for a frame of six bytes, others wait a few milliseconds
WRITE_BUFFER_BYTES = 65_536


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket, from its handshake on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unread = bytearray()
        self._is_parsing = False  # a slice is parsed at the loop's next turn

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        cast(Transport, transport).set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.app_state = {**self.app_state, "transport": self}

    # --- Reading ---

    def data_received(self, data: bytes) -> None:
        if self._unread or len(data) > SLICE_BYTES or (self.handshake_initiated and not self._may_parse()):
            self._unread += data
            self.transport.pause_reading()
            self._go_on()
        else:
            super().data_received(data)

    async def receive(self) -> ASGIReceiveEvent:
        """As uvicorn's, but for a client that does not read."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def _may_parse(self) -> bool:
        is_open = self.handshake_complete and not self.disconnected
        return is_open and not self.read_paused and self.writable.is_set()

    def _go_on(self) -> None:
        """Parse what has arrived, or read on, if nothing speaks against it."""
        if not self._may_parse() or self._is_parsing:
            return
        if self._unread:
            self._is_parsing = True
            self.loop.call_soon(self._parse_slice)
        else:
            self.transport.resume_reading()

    def _parse_slice(self) -> None:
        self._is_parsing = False
        if self.transport.is_closing() or not self._may_parse():
            return
        piece = bytes(self._unread[:SLICE_BYTES])
        del self._unread[:SLICE_BYTES]
        super().data_received(piece)
        self._go_on()

    # --- Writing ---

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        match message["type"]:
            case "websocket.http.response.body":
                self.handshake_complete = True  # by a refusal; uvicorn would log that as the app's error
            case "websocket.accept" | "websocket.close":
                self._go_on()  # uvicorn has resumed reading, or the client has sent before it might

    def write_text(self, text: str) -> bool:
        """As `send` does, without a task that waits for room."""
        is_open = self.handshake_complete and not (self.disconnected or self.close_sent)
        if not is_open or not self.writable.is_set():
            return False
        try:
            self.conn.send_text(text.encode())
        except InvalidState:
            return False
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    def abort(self) -> None:
        """Hang up at once, whatever is buffered."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # a close would wait until the dead client has read what is buffered
