"""Request bodies up to a limit; a larger one is refused such that the client can read the answer."""

from __future__ import annotations

import asyncio

from .asgi import Receive, Scope, Send
from .errors import BodyTooLarge
from .response import CORS, Response

LINGER_BYTES = 8 * 1024 * 1024
LINGER_S = 2


class ClientLeft(Exception):
    """The client went away before its request was complete."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as that is known, and ClientLeft."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if int(declared) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.", limit=limit)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.", limit=limit)
        if not message.get("more_body"):
            return bytes(body)


async def refuse_body(response: Response, receive: Receive, send: Send) -> None:
    """Answer at once and hang up, but only when the client has had the time to see the answer.

    A server that closes a connection with unread bytes in it resets it, and the client, still writing, would
    lose the response. So what comes is thrown away for a moment.
    """
    headers = response.asgi_headers(CORS | {"connection": "close"})
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
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
