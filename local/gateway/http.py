"""HTTP: request bodies up to a limit, and responses made of a function's answer or of a refusal.

A larger body is refused such that the client can read the response.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from chalicelib.api import cors
from starlette import responses
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ..ids import new_id
from .errors import BodyTooLarge, FunctionFailed, Refusal

RawHeaders = list[tuple[bytes, bytes]]

JSON: RawHeaders = [(b"content-type", b"application/json")]
CLOSE: RawHeaders = [(b"connection", b"close")]
REQUEST_ID = "x-amzn-requestid"
# Of what the gateway itself answers, beside who may read it; the functions set them in their own answers.
REFUSAL = {
    "access-control-expose-headers": cors.HEADERS["Access-Control-Expose-Headers"],
    "cache-control": "no-store",
}
LINGER_BYTES = 8 * 1024 * 1024
LINGER_S = 2

log = logging.getLogger(__name__)


class Response(responses.Response):
    """An HTTP response; at a WebSocket's handshake, the one that refuses it."""

    @classmethod
    def of_json(
        cls, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Response:
        """A response with a JSON body, without spaces, as Chalice writes it."""
        return cls(msgspec.json.encode(content), status, headers, "application/json")

    @classmethod
    def refusing(cls, refusal: Refusal, readers: Mapping[str, str], *, close: bool = False) -> Response:
        """The response to a refused request; `readers` are the headers that say whose pages may read it.

        With `close` the connection is closed after it.
        """
        headers = {**refusal.headers, **REFUSAL, **readers, REQUEST_ID: new_id()}
        response = cls.of_json(refusal.status, refusal.to_wire(), headers)
        return response.with_defaults(CLOSE) if close else response

    @classmethod
    def from_lambda(cls, answer: Any) -> Response:
        """The response that a function's answer describes. Raises FunctionFailed where it describes none."""
        try:
            single, multi = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
            text = answer.get("body") or ""
            body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
            response = cls(
                body, int(answer["statusCode"]), {name: str(value) for name, value in single.items()}
            )
            response.raw_headers += [
                (name.lower().encode("latin-1"), str(value).encode("latin-1"))
                for name, values in multi.items()
                for value in values
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            log.error("a function's answer is no proxy response: %.200r", answer)
            raise FunctionFailed() from None
        return response.with_defaults(JSON)

    def with_defaults(self, headers: RawHeaders) -> Response:
        """Itself, with those of `headers` that it does not have."""
        given = {name for name, _ in self.raw_headers}
        self.raw_headers += [header for header in headers if header[0] not in given]
        return self


def readers(origins: cors.Origins, scope: Scope) -> dict[str, str]:
    """The headers that say whose pages may read an answer to this request."""
    headers = Headers(scope=scope)
    return origins.headers(headers.get("origin"), headers.get("host", ""))


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as that is known, and ClientDisconnect.

    Starlette's `Request.stream` knows no limit, and takes three times as long for a small body.
    """
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if int(declared) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.", limit=limit)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.", limit=limit)
        if not message.get("more_body"):
            return bytes(body)


async def refuse_body(response: Response, receive: Receive, send: Send) -> None:
    """Answer at once and close the connection, but only when the client has had the time to see the answer.

    A server that closes a connection with unread bytes in it resets it, and the client, still writing, would
    lose the response. So what comes is discarded for a moment.
    """
    headers = response.with_defaults(CLOSE).raw_headers
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})
