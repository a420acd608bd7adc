"""API Gateway's management API: how a function in another process reaches a client.

    POST   /@connections/{connectionId}   push the body as one text frame   200
    GET    /@connections/{connectionId}   when it connected                 200
    DELETE /@connections/{connectionId}   close it                          204

boto3's `apigatewaymanagementapi` client calls it. It is for the engine alone: a request is signed with the
key that the engine's processes have been given. Errors have AWS's shape: their name is in a header.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from chalicelib.ports.live import ConnectionGone
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ..signatures import NoSignature, NotSigned, UnknownKey, Verifier, WrongSignature
from .connection import Connection
from .errors import BodyTooLarge
from .http import Response, read_body, refuse_body
from .settings import GatewaySettings
from .websocket import WebSocketApi

PATH = "/@connections/"
SIGNED_S = 15.0  # that a signature counts: signers are on this machine and have its clock
PUSHED = Response.of_json(200, {})
NAMES: dict[type[NotSigned], str] = {
    NoSignature: "MissingAuthenticationTokenException",
    UnknownKey: "UnrecognizedClientException",
    WrongSignature: "InvalidSignatureException",
}


class ManagementApi:
    """Serves the connections of `websocket`."""

    closed_by: ClassVar[str] = "closed by the engine"  # a DELETE has no room for a reason

    def __init__(self, websocket: WebSocketApi, settings: GatewaySettings) -> None:
        self._websocket = websocket
        self._settings = settings
        self._verifier = Verifier(settings.connections_key, "execute-api", most_off_s=SIGNED_S)

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
        except NotSigned as error:
            response = _error(403, NAMES[type(error)], str(error))
        except ConnectionGone:
            response = _error(410, "GoneException", "The connection is gone.")
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Response:
        """Raises NotSigned, ConnectionGone."""
        method, headers = scope["method"], scope["headers"]
        self._verifier.check(method, scope["raw_path"], scope["query_string"], headers, body)
        connection_id = scope["path"].removeprefix(PATH)
        match method:
            case "POST":
                await self._websocket.send(connection_id, body.decode(errors="replace"))
                return PUSHED
            case "GET":
                return Response.of_json(200, _described(self._websocket.get(connection_id)))
            case "DELETE":
                self._websocket.get(connection_id)
                await self._websocket.close(connection_id, self.closed_by)
                return Response(None, 204)
        raise NoSignature  # API Gateway's words for a method that it does not know


def _described(connection: Connection) -> dict[str, Any]:
    idle_s = time.monotonic() - connection.active_at
    return {
        "connectedAt": _time(connection.connected_at / 1000),
        "lastActiveAt": _time(time.time() - idle_s),
        "identity": connection.identity,
    }


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, name: str, message: str) -> Response:
    return Response.of_json(status, {"message": message}, {"x-amzn-errortype": name})
