"""What the gateway refuses by itself, before or instead of a function's answer.

EngineError
└── Refusal
    ├── InvalidHttp         400
    ├── OriginNotAllowed    403
    ├── RouteNotFound       404
    ├── RequestTimeout      408
    ├── BodyTooLarge        413
    ├── HostNotAllowed      421
    ├── HeadersTooLarge     431
    ├── TooManyConnections  503, with Retry-After
    ├── MessageTooLarge     413 (on a WebSocket: sent, then closed with 1009)
    ├── NotText             400 (on a WebSocket)
    ├── TooManyRequests     429, with Retry-After
    ├── Unavailable         503, with Retry-After
    ├── FunctionFailed      500
    └── FunctionTimedOut    504
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from chalicelib.api import cors
from chalicelib.api.wire import answers
from chalicelib.domain.errors import EngineError


class Refusal(EngineError):
    """The gateway refuses the request."""

    text = "The gateway refuses the request."
    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}

    def to_wire(self) -> dict[str, object]:
        """The refusal as every client gets an error."""
        rendered: dict[str, object] = msgspec.to_builtins(answers.error(self))
        return rendered


class RouteNotFound(Refusal):
    """There is nothing at this path."""

    text = "There is nothing at this path."
    status = 404
    code = "NOT_FOUND"


class OriginNotAllowed(Refusal):
    """Pages of this origin may not use the engine."""

    text = cors.OriginNotAllowed.text
    status = 403
    code = "ORIGIN_NOT_ALLOWED"


class HostNotAllowed(Refusal):
    """The request is for another host."""

    text = "The engine has no such name; ALLOWED_HOSTS lists those that it has."
    status = 421
    code = "HOST_NOT_ALLOWED"


class InvalidHttp(Refusal):
    """What the client sends is not HTTP/1.1 as RFC 9112 has it."""

    text = "What was sent is not a valid HTTP/1.1 request."
    status = 400
    code = "INVALID_HTTP"


class RequestTimeout(Refusal):
    """The request has not come whole in time."""

    text = "The request did not arrive in time."
    status = 408
    code = "REQUEST_TIMEOUT"


class HeadersTooLarge(Refusal):
    """The head of the request is larger than the engine reads."""

    text = "The request line and the headers are more than the engine reads."
    status = 431
    code = "HEADERS_TOO_LARGE"


class TooManyConnections(Refusal):
    """There is no room for another connection."""

    text = "The engine has as many connections as it can hold; try again in a moment."
    status = 503
    code = "TEMPORARILY_UNAVAILABLE"
    headers: ClassVar[dict[str, str]] = {"retry-after": "1"}


class BodyTooLarge(Refusal):
    """The body is larger than the engine reads."""

    text = "The body is larger than the engine reads."
    status = 413
    code = "BODY_TOO_LARGE"


class MessageTooLarge(Refusal):
    """The message is larger than the engine reads."""

    text = "The message is larger than the engine reads."
    status = 413
    code = "MESSAGE_TOO_LARGE"


class NotText(Refusal):
    """Messages must be JSON in text frames."""

    text = "Messages must be JSON in text frames."
    status = 400
    code = "INVALID_JSON"


class TooManyRequests(Refusal):
    """Too many requests; slow down."""

    text = "Too many requests; slow down."
    status = 429
    code = "TOO_MANY_REQUESTS"
    headers: ClassVar[dict[str, str]] = {"retry-after": "1"}


class Unavailable(Refusal):
    """The engine has more to do than it can take on; try again in a moment."""

    text = "The engine has more to do than it can take on; try again in a moment."
    status = 503
    code = "TEMPORARILY_UNAVAILABLE"
    headers: ClassVar[dict[str, str]] = {"retry-after": "1"}


class FunctionFailed(Refusal):
    """Something went wrong inside the engine."""

    text = "Something went wrong inside the engine."
    status = 500
    code = "INTERNAL_ERROR"


class FunctionTimedOut(Refusal):
    """The engine took too long to answer."""

    text = "The engine took too long to answer."
    status = 504
    code = "INTERNAL_ERROR"
