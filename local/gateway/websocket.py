"""WebSocket API: handshake → $connect → messages, one after the other → $disconnect, once; or a refusal.

Functions push to a connection by its id through `send`, from its $connect event on. What they push before the
handshake is answered is sent after it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from types import ModuleType

from chalicelib.ports.live import ConnectionGone
from starlette.types import Message, Receive, Scope, Send

from .connection import Connection
from .errors import FunctionFailed, MessageTooLarge, NotText, Refusal, RouteNotFound, Unavailable
from .events import connect_event, disconnect_event, identity, message_event, new_connection_id
from .hosts import Hosts
from .http import Response, readers
from .invoker import Invoker
from .settings import GatewaySettings

NORMAL, GOING_AWAY, NO_STATUS, ABNORMAL, TOO_BIG = 1000, 1001, 1005, 1006, 1009
REFUSED = 4000  # and the status of the refusal
LET_THE_WRITER_RUN = 64  # frames queued for one connection before a sender yields to its writer

log = logging.getLogger(__name__)


class WebSocketApi:
    """The WebSocket API of the functions; pushes to its clients (`Push`)."""

    def __init__(self, functions: ModuleType, invoker: Invoker, settings: GatewaySettings) -> None:
        self._functions = functions
        self._invoker = invoker
        self._settings = settings
        self._hosts = Hosts(settings.allowed_hosts)
        self._connections: dict[str, Connection] = {}
        self._sessions: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._connections)

    def get(self, connection_id: str) -> Connection:
        """The open connection of that id. Raises ConnectionGone."""
        connection = self._connections.get(connection_id)
        if connection is None or connection.ended:
            raise ConnectionGone(connection_id)
        return connection

    async def send(self, connection_id: str, text: str) -> None:
        """Push one text frame. Raises ConnectionGone."""
        if self.get(connection_id).push(text) > LET_THE_WRITER_RUN:
            await asyncio.sleep(0)  # or a long catch-up would fill the queue of a client that reads well

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the connection after what was pushed; one that is closed already is not an error."""
        if connection := self._connections.get(connection_id):
            connection.end(NORMAL, reason)

    async def stop(self) -> None:
        """Close every connection and wait until the functions have handled each $disconnect."""
        self._closing = True
        grace_s = self._settings.drain_s
        for connection in self._connections.values():
            connection.end(GOING_AWAY, "the engine is stopping", within_s=grace_s)
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=2 * grace_s)  # the close, and then $disconnect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if scope["path"] != self._settings.websocket_path:
            with suppress(OSError):  # the client has disconnected
                refused = Response.refusing(RouteNotFound(), readers(self._settings.origins, scope))
                await refused(scope, receive, send)
            return
        transport = scope["state"]["transport"]
        connection = Connection(new_connection_id(), identity(scope), send, transport, self._settings)
        self._connections[connection.connection_id] = connection
        try:
            answer = await self._connect(scope, connection)
            if answer.status_code >= 400:
                connection.gone()
                with suppress(OSError, RuntimeError):  # the client has disconnected
                    await _refuse(answer, send)
                return
            # A task of its own: a server that gives up on a slow stop must not take $disconnect with it.
            session = Session(scope, connection, self._functions, self._invoker, self._settings)
            subprotocol = answer.headers.get("sec-websocket-protocol")
            task = asyncio.create_task(session.run(receive, send, subprotocol))
            self._sessions.add(task)
            task.add_done_callback(self._sessions.discard)
            await asyncio.shield(task)
        finally:
            self._connections.pop(connection.connection_id, None)

    async def _connect(self, scope: Scope, connection: Connection) -> Response:
        """Invoke $connect; its response, or the refusal of the gateway's own."""
        try:
            self._hosts.check(scope)
            if self._closing:
                raise Unavailable("The engine is stopping.")
            self._invoker.admit()
            event = connect_event(
                scope, connection.connection_id, connection.connected_at, self._settings.stage
            )
            answer = await self._invoker.invoke("on_ws_connect", self._functions.on_ws_connect, event)
            return Response.from_lambda(answer)
        except Refusal as refusal:
            return Response.refusing(refusal, {})


async def _refuse(answer: Response, send: Send) -> None:
    """Accept the connection, say why it is refused, and close it: a browser shows no answer to a handshake.

    The close code is 4000 and the status. API Gateway can only answer the handshake.
    """
    text = bytes(answer.body).decode()
    await send({"type": "websocket.accept"})
    if text:
        await send({"type": "websocket.send", "text": text})
    try:
        reason = str(json.loads(text)["code"])
    except (ValueError, TypeError, KeyError):
        reason = ""
    await send({"type": "websocket.close", "code": REFUSED + answer.status_code, "reason": reason})


class Session:
    """The messages of one connection, each an invocation of the functions."""

    def __init__(
        self,
        scope: Scope,
        connection: Connection,
        functions: ModuleType,
        invoker: Invoker,
        settings: GatewaySettings,
    ) -> None:
        self._scope = scope
        self._connection = connection
        self._functions = functions
        self._invoker = invoker
        self._settings = settings

    async def run(self, receive: Receive, send: Send, subprotocol: str | None) -> None:
        """Accept the connection, serve it until it is closed, then invoke $disconnect."""
        code, reason = ABNORMAL, "connection lost"
        writer: asyncio.Task[None] | None = None
        try:
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            writer = asyncio.create_task(self._connection.write())
            code, reason = await self._read(receive)
        except OSError:
            pass  # the client disconnected during the handshake
        finally:
            self._connection.gone()
            if writer:
                writer.cancel()
            await self._disconnect(code, reason)

    async def _read(self, receive: Receive) -> tuple[int, str]:
        """Invoke the functions for each message until the connection is closed; its close code and reason."""
        while True:
            message = await self._next(receive)
            if message["type"] == "websocket.disconnect":
                if "reason" not in message:  # lost without a close frame, for which the server says 1005
                    return ABNORMAL, "connection lost"
                return message.get("code", NO_STATUS), message["reason"] or ""
            if self._connection.ended:
                continue
            self._connection.active_at = time.monotonic()
            try:
                await self._message(message)
            except MessageTooLarge as refusal:
                self._push_error(refusal)
                self._connection.end(TOO_BIG, "message too large")
            except Refusal as refusal:
                self._push_error(refusal)

    async def _next(self, receive: Receive) -> Message:
        """The next message; a connection idle for socket_idle_s is closed, as API Gateway does."""
        while True:
            idle_s = time.monotonic() - self._connection.active_at
            try:
                async with asyncio.timeout(self._settings.socket_idle_s - idle_s):
                    return await receive()
            except TimeoutError:
                if time.monotonic() - self._connection.active_at >= self._settings.socket_idle_s:
                    self._connection.end(GOING_AWAY, "idle for too long")
                    return await receive()

    async def _message(self, message: Message) -> None:
        text = message.get("text")
        if text is None:
            raise NotText()
        limit = self._settings.max_message_bytes
        if len(text) > limit or len(text.encode()) > limit:
            raise MessageTooLarge(f"The message is larger than {limit} bytes.", limit=limit)
        self._invoker.admit()
        connection = self._connection
        event = message_event(
            self._scope, connection.connection_id, connection.connected_at, self._settings.stage, text
        )
        answer = await self._invoker.invoke("on_ws_message", self._functions.on_ws_message, event)
        if Response.from_lambda(answer).status_code >= 500:
            raise FunctionFailed()

    async def _disconnect(self, code: int, reason: str) -> None:
        connection = self._connection
        event = disconnect_event(
            self._scope, connection.connection_id, connection.connected_at, self._settings.stage, code, reason
        )
        try:
            await self._invoker.invoke("on_ws_disconnect", self._functions.on_ws_disconnect, event)
        except Refusal as refusal:
            log.warning(
                "gateway: $disconnect failed connection=%s error=%r", connection.connection_id, refusal
            )

    def _push_error(self, refusal: Refusal) -> None:
        connection_id = self._connection.connection_id
        try:
            self._connection.push(json.dumps({**refusal.to_wire(), "connectionId": connection_id}))
        except ConnectionGone:
            log.debug("gateway: closed before the error was sent connection=%s", connection_id)
