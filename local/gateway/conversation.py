"""One WebSocket from its acceptance to its end: messages one after the other, then $disconnect, once."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from types import ModuleType
from typing import Any

from chalicelib.ports.live import ConnectionGone

from .asgi import Receive, Scope, Send
from .errors import FunctionFailed, MessageTooLarge, NotText, Refusal
from .events import disconnect_event, message_event
from .invoker import Invoker
from .response import Response
from .settings import GatewaySettings
from .socket import Socket

log = logging.getLogger(__name__)

GOING_AWAY, NO_STATUS, ABNORMAL, TOO_BIG = 1001, 1005, 1006, 1009


class Conversation:
    """The messages of one socket, each an invocation of the functions."""

    def __init__(
        self,
        scope: Scope,
        socket: Socket,
        functions: ModuleType,
        invoker: Invoker,
        settings: GatewaySettings,
    ) -> None:
        self._scope = scope
        self._socket = socket
        self._functions = functions
        self._invoker = invoker
        self._settings = settings

    async def hold(self, receive: Receive, send: Send) -> None:
        """Accept the socket, serve it until it is closed, then invoke $disconnect."""
        code, reason = ABNORMAL, "connection lost"
        writer: asyncio.Task[None] | None = None
        try:
            await send({"type": "websocket.accept"})
            writer = asyncio.create_task(self._socket.write())
            code, reason = await self._read(receive)
        except OSError:
            pass  # the client disconnected during the handshake
        finally:
            self._socket.gone()
            if writer:
                writer.cancel()
            await self._disconnect(code, reason)

    async def _read(self, receive: Receive) -> tuple[int, str]:
        """Invoke the functions for each message until the socket is closed; returns close code and reason."""
        while True:
            message = await self._next(receive)
            if message["type"] == "websocket.disconnect":
                if "reason" not in message:  # lost without a close frame, for which the server says 1005
                    return ABNORMAL, "connection lost"
                return message.get("code", NO_STATUS), message["reason"] or ""
            if self._socket.ended:
                continue
            self._socket.active_at = time.monotonic()
            try:
                await self._message(message)
            except MessageTooLarge as refusal:
                self._push_error(refusal)
                self._socket.end(TOO_BIG, "message too large")
            except Refusal as refusal:
                self._push_error(refusal)

    async def _next(self, receive: Receive) -> Any:
        """The next message; a socket idle for socket_idle_s is closed, as API Gateway does."""
        while True:
            idle_s = time.monotonic() - self._socket.active_at
            try:
                async with asyncio.timeout(self._settings.socket_idle_s - idle_s):
                    return await receive()
            except TimeoutError:
                if time.monotonic() - self._socket.active_at >= self._settings.socket_idle_s:
                    self._socket.end(GOING_AWAY, "idle for too long")
                    return await receive()

    async def _message(self, message: Any) -> None:
        text = message.get("text")
        if text is None:
            raise NotText()
        limit = self._settings.max_message_bytes
        if len(text) > limit or len(text.encode()) > limit:
            raise MessageTooLarge(f"The message is larger than {limit} bytes.", limit=limit)
        self._invoker.admit()
        socket = self._socket
        event = message_event(
            self._scope, socket.connection_id, socket.connected_at, self._settings.stage, text
        )
        answer = await self._invoker.invoke("on_ws_message", self._functions.on_ws_message, event)
        if Response.from_lambda(answer).status >= 500:
            raise FunctionFailed()

    async def _disconnect(self, code: int, reason: str) -> None:
        socket = self._socket
        event = disconnect_event(
            self._scope, socket.connection_id, socket.connected_at, self._settings.stage, code, reason
        )
        try:
            await self._invoker.invoke("on_ws_disconnect", self._functions.on_ws_disconnect, event)
        except Refusal as refusal:
            log.warning("gateway: $disconnect failed connection=%s error=%r", socket.connection_id, refusal)

    def _push_error(self, refusal: Refusal) -> None:
        connection_id = self._socket.connection_id
        try:
            self._socket.push(json.dumps({**refusal.to_wire(), "connectionId": connection_id}))
        except ConnectionGone:
            log.debug("gateway: closed before the error was sent connection=%s", connection_id)
