"""A connection: the server side of one client's WebSocket. A frame is written at once, or queued in order.

push(text) ─┬─ there is room in the transport ─ ────────────▶ the client
            └─ there is none: queue (bounded) → writer ───────────▲
                                └─ full: the connection is closed, and no other client waits for this one
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.ports.live import ConnectionGone
from starlette.types import Send

from .settings import GatewaySettings

TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True)
class Close:
    """The close frame, after which nothing is written."""

    code: int
    reason: str


class Transport(Protocol):
    """What the server offers of the TCP connection underneath."""

    def write_text(self, text: str) -> bool:
        """Write a frame if there is room for it now; False if there is none."""

    def abort(self) -> None:
        """Close at once and discard what is buffered."""


class Connection:
    """The connection of one client, from before its handshake is answered until it is closed."""

    def __init__(
        self,
        connection_id: str,
        identity: Mapping[str, Any],
        send: Send,
        transport: Transport,
        settings: GatewaySettings,
    ) -> None:
        self.connection_id = connection_id
        self.identity = identity
        self.connected_at = int(time.time() * 1000)
        self.active_at = time.monotonic()
        self._send = send
        self._transport = transport
        self._settings = settings
        self._queue: deque[str | Close] = deque()
        self._queued_bytes = 0
        self._more = asyncio.Event()
        self._ended = False
        self._is_writing = False

    @property
    def ended(self) -> bool:
        """Whether it is closed, or is to be closed after what is queued."""
        return self._ended

    def push(self, text: str) -> int:
        """Write a frame, or queue it; returns how many are queued. Raises ConnectionGone."""
        if self._ended:
            raise ConnectionGone(self.connection_id)
        self.active_at = time.monotonic()
        if not (self._queue or self._is_writing) and self._transport.write_text(text):
            return 0
        size = len(text)
        if self._queue and self._is_full(size):
            self._discard()
            self.end(TRY_AGAIN_LATER, "messages were not read fast enough")
            raise ConnectionGone(self.connection_id)
        self._queue.append(text)
        self._queued_bytes += size
        self._more.set()
        return len(self._queue)

    def end(self, code: int, reason: str, *, within_s: float | None = None) -> None:
        """Close it after what is queued, or by force after `within_s` (default: close_grace_s)."""
        if self._ended:
            return
        self._ended = True
        self._queue.append(Close(code, reason))
        self._more.set()
        grace_s = self._settings.close_grace_s if within_s is None else within_s
        asyncio.get_running_loop().call_later(grace_s, self._transport.abort)

    def gone(self) -> None:
        """Mark the connection closed and discard what is queued."""
        self._ended = True
        self._discard()

    async def write(self) -> None:
        """Write queued frames until the connection is closed."""
        try:
            while True:
                while not self._queue:
                    self._is_writing = False
                    self._more.clear()
                    await self._more.wait()
                self._is_writing = True
                frame = self._queue.popleft()
                if isinstance(frame, Close):
                    reason = frame.reason[:120]  # a close frame holds no more
                    await self._send({"type": "websocket.close", "code": frame.code, "reason": reason})
                    return
                self._queued_bytes -= len(frame)
                await self._send({"type": "websocket.send", "text": frame})
        except (OSError, RuntimeError):
            self.gone()  # the client has disconnected; the reader ends for the same reason

    def _is_full(self, more: int) -> bool:
        settings = self._settings
        return (
            len(self._queue) >= settings.socket_queue_messages
            or self._queued_bytes + more > settings.socket_queue_bytes
        )

    def _discard(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0
