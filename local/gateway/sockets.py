"""WebSocket API: handshake → $connect → a Conversation, or a refusal; and the open connections by id.

Functions push to a connection by its id through `send`, from its $connect event on. What they push before the
handshake is answered is sent after it.
"""

from __future__ import annotations

import asyncio
from types import ModuleType

from chalicelib.ports.live import ConnectionGone

from .asgi import Receive, Scope, Send
from .conversation import GOING_AWAY, Conversation
from .errors import Refusal, RouteNotFound, Unavailable
from .events import connect_event, identity, new_connection_id
from .invoker import Invoker
from .response import Response
from .settings import GatewaySettings
from .socket import Socket

NORMAL = 1000
LET_THE_WRITER_RUN = 64  # frames queued for one socket before a sender yields to its writer


class SocketApi:
    """The WebSocket API of the functions; pushes to its clients (`Push`)."""

    def __init__(
        self,
        functions: ModuleType,
        invoker: Invoker,
        settings: GatewaySettings,
    ) -> None:
        self._functions = functions
        self._invoker = invoker
        self._settings = settings
        self._sockets: dict[str, Socket] = {}
        self._conversations: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._sockets)

    def get(self, connection_id: str) -> Socket:
        """The socket of an open connection. Raises ConnectionGone."""
        socket = self._sockets.get(connection_id)
        if socket is None or socket.ended:
            raise ConnectionGone(connection_id)
        return socket

    async def send(self, connection_id: str, text: str) -> None:
        """Push one text frame. Raises ConnectionGone."""
        if self.get(connection_id).push(text) > LET_THE_WRITER_RUN:
            await asyncio.sleep(0)  # or a long catch-up would fill the queue of a client that reads well

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the socket after what was pushed; a socket that is closed already is not an error."""
        if socket := self._sockets.get(connection_id):
            socket.end(NORMAL, reason)

    async def stop(self) -> None:
        """Close every socket and wait until the functions have handled each $disconnect."""
        self._closing = True
        grace_s = self._settings.drain_s
        for socket in self._sockets.values():
            socket.end(GOING_AWAY, "the engine is stopping", within_s=grace_s)
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=2 * grace_s)  # the close, and then $disconnect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        line = scope["state"]["line"]
        socket = Socket(new_connection_id(), identity(scope), send, line, self._settings)
        self._sockets[socket.connection_id] = socket
        try:
            if refusing := await self._connect(scope, socket):
                socket.gone()
                await _refuse(refusing, send)
                return
            # A task of its own: a server that gives up on a slow stop must not take $disconnect with it.
            conversation = asyncio.create_task(self._conversation(scope, socket).hold(receive, send))
            self._conversations.add(conversation)
            conversation.add_done_callback(self._conversations.discard)
            await asyncio.shield(conversation)
        finally:
            self._sockets.pop(socket.connection_id, None)

    async def _connect(self, scope: Scope, socket: Socket) -> Response | None:
        """Invoke $connect; returns the response that refuses the client, or None."""
        try:
            if scope["path"] != self._settings.websocket_path:
                raise RouteNotFound("There is no WebSocket at this path.")
            if self._closing:
                raise Unavailable("The engine is stopping.")
            self._invoker.admit()
            event = connect_event(scope, socket.connection_id, socket.connected_at, self._settings.stage)
            answer = await self._invoker.invoke("on_ws_connect", self._functions.on_ws_connect, event)
            response = Response.from_lambda(answer)
        except Refusal as refusal:
            return Response.refusing(refusal)
        return response if response.status >= 400 else None

    def _conversation(self, scope: Scope, socket: Socket) -> Conversation:
        return Conversation(scope, socket, self._functions, self._invoker, self._settings)


async def _refuse(response: Response, send: Send) -> None:
    headers = response.asgi_headers()
    try:
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})
    except OSError:
        pass  # the client has disconnected
