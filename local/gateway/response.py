"""An HTTP response, made of what a function answers or of a refusal."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import FunctionFailed, MethodNotAllowed, Refusal

log = logging.getLogger(__name__)

# For what the gateway itself answers; the functions say it of their own answers (PAGES in app.py).
CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "retry-after, x-amzn-requestid"}


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers with their names in lower case, and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    @classmethod
    def refusing(cls, refusal: Refusal) -> Response:
        """The response to a refused request."""
        headers = {"content-type": "application/json", **refusal.headers}
        if isinstance(refusal, MethodNotAllowed):
            headers["allow"] = refusal.allow
        return cls(refusal.status, list(headers.items()), json.dumps(refusal.to_wire()).encode())

    @classmethod
    def from_lambda(cls, answer: Any) -> Response:
        """The response that a function's answer describes. Raises FunctionFailed where it describes none."""
        try:
            single, multi = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
            headers = [(name.lower(), str(value)) for name, value in single.items()]
            headers += [(name.lower(), str(value)) for name, values in multi.items() for value in values]
            if not any(name == "content-type" for name, _ in headers):
                headers.append(("content-type", "application/json"))
            text = answer.get("body") or ""
            body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
            return cls(int(answer["statusCode"]), headers, body)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.error("a function's answer is no proxy response: %.200r", answer)
            raise FunctionFailed() from None

    def asgi_headers(self, extra: Mapping[str, str] = CORS) -> list[tuple[bytes, bytes]]:
        """The headers with `extra` ones and the length, as ASGI wants them."""
        given = {name for name, _ in self.headers}
        headers = self.headers + [(name, value) for name, value in extra.items() if name not in given]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if self.status != 204:
            encoded.append((b"content-length", b"%d" % len(self.body)))
        return encoded
