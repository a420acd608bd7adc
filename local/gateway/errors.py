"""What the gateway refuses by itself, before or instead of a function's answer.

EngineError
└── Refusal
    ├── RouteNotFound      404
    ├── MethodNotAllowed   405, with Allow
    ├── BodyTooLarge       413
    ├── MessageTooLarge    413 (on a WebSocket: sent, then closed with 1009)
    ├── NotText            400 (on a WebSocket)
    ├── TooManyRequests    429, with Retry-After
    ├── Unavailable        503, with Retry-After
    ├── FunctionFailed     500
    └── FunctionTimedOut   504
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
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


class MethodNotAllowed(Refusal):
    """This path does not take this method."""

    text = "This path does not take this method."
    status = 405
    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"This path does not take {method}; it takes {allow}.", allow=allow)
        self.allow = allow


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
