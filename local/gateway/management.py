"""API Gateway's management API: how a function in another process reaches the client of a socket.

    POST   /@connections/{connectionId}   push the body as one text frame   200
    GET    /@connections/{connectionId}   when it connected                 200
    DELETE /@connections/{connectionId}   close the socket                  204

boto3's `apigatewaymanagementapi` client calls it. Errors have AWS's shape: their name is in a header.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from chalicelib.ports.live import ConnectionGone

from .asgi import Receive, Scope, Send
from .body import ClientLeft, read_body, refuse_body
from .errors import BodyTooLarge
from .response import Response
from .settings import GatewaySettings
from .socket import Socket
from .sockets import SocketApi

PATH = "/@connections/"
PUSHED = Response(200, [("content-type", "application/json")], b"{}")


class ManagementApi:
    """Serves the connections of `sockets`."""

    closed_by: ClassVar[str] = "closed by the engine"  # a DELETE has no room for a reason

    def __init__(self, sockets: SocketApi, settings: GatewaySettings) -> None:
        self._sockets = sockets
        self._settings = settings

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether the request is for this API."""
        return bool(scope["path"].startswith(PATH))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, self._settings.max_message_bytes)
            response = await self._answer(scope, body)
        except BodyTooLarge as refusal:
            await refuse_body(_error(413, "PayloadTooLargeException", str(refusal)), receive, send)
            return
        except ConnectionGone:
            response = _error(410, "GoneException", "The connection is gone.")
        except ClientLeft:
            return
        headers = response.asgi_headers({})
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, body: bytes) -> Response:
        """Raises ConnectionGone."""
        if not _is_signed(scope):
            return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        connection_id = scope["path"].removeprefix(PATH)
        match scope["method"]:
            case "POST":
                await self._sockets.send(connection_id, body.decode(errors="replace"))
                return PUSHED
            case "GET":
                return _json(200, _described(self._sockets.get(connection_id)))
            case "DELETE":
                self._sockets.get(connection_id)
                await self._sockets.close(connection_id, self.closed_by)
                return Response(204, [])
        return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def _is_signed(scope: Scope) -> bool:
    """Whether the request carries an AWS signature; on one machine its key is not checked.

    This keeps out pages in a browser, which can't send the header to another origin without a preflight.
    """
    return bool(dict(scope["headers"]).get(b"authorization", b"").startswith(b"AWS4-HMAC-SHA256 "))


def _described(socket: Socket) -> dict[str, Any]:
    idle_s = time.monotonic() - socket.active_at
    return {
        "connectedAt": _time(socket.connected_at / 1000),
        "lastActiveAt": _time(time.time() - idle_s),
        "identity": socket.identity,
    }


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(body).encode())


def _error(status: int, name: str, message: str) -> Response:
    headers = [("content-type", "application/json"), ("x-amzn-errortype", name)]
    return Response(status, headers, json.dumps({"message": message}).encode())
