"""HTTP in and out: a strict JSON body, one status for each family of errors, one shape for all of them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from chalice.app import Request, Response

from ..domain.account import LOCAL, Account
from ..domain.errors import (
    AttemptFailed,
    EngineError,
    IdempotencyConflict,
    InvalidRequest,
    LimitReached,
    NotFound,
    TemporarilyUnavailable,
    TooLarge,
    UnsupportedMediaType,
)

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 128 * 1024
RETRY_AFTER_S = "2"

_STATUS: dict[type[EngineError], int] = {
    InvalidRequest: 400,
    NotFound: 404,
    IdempotencyConflict: 409,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    AttemptFailed: 422,  # a quote that no venue can give
    LimitReached: 429,
    TemporarilyUnavailable: 503,
}


def respond(handler: Callable[[], Response]) -> Response:
    """What `handler` answers, or the error it raised in the shape that every client knows."""
    try:
        return handler()
    except EngineError as error:
        status = status_of(error)
        headers: dict[str, str | list[str]] = {"Retry-After": RETRY_AFTER_S} if status in (429, 503) else {}
        return Response(error.to_wire(), headers=headers, status_code=status)
    except Exception:
        log.exception("unexpected")
        return Response(unexpected().to_wire(), status_code=500)


def log_answer(request: Request, answer: Callable[[Request], Response]) -> Response:
    """What `answer` gives, with a line in the log that says who asked for what."""
    began = time.perf_counter()
    response = answer(request)
    took_ms = (time.perf_counter() - began) * 1000
    log.info("%s %s: %d in %.0f ms", request.method, request.path, response.status_code, took_ms)
    return response


def status_of(error: EngineError) -> int:
    """The HTTP status of an error's family."""
    return next((status for family, status in _STATUS.items() if isinstance(error, family)), 500)


def unexpected() -> EngineError:
    """The answer to an error that the engine does not know."""
    return EngineError("Something went wrong on our side.", code="INTERNAL_ERROR")


def client_of(context: Mapping[str, Any]) -> str:
    """Who is asking, from an event's `requestContext`: an API key's id, else an address."""
    identity = context.get("identity") or {}
    return str(identity.get("apiKeyId") or identity.get("sourceIp") or "")


def account_of(context: Mapping[str, Any]) -> Account:
    """In whose name a request is made, from an event's `requestContext`."""
    return LOCAL


def json_body(request: Request) -> dict[str, object]:
    """The body as a JSON object. Raises UnsupportedMediaType, TooLarge, InvalidRequest."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType
    raw = request.raw_body or b""
    return json_object(raw.encode() if isinstance(raw, str) else raw)


def json_object(raw: bytes) -> dict[str, object]:
    """`raw` as a JSON object whose numbers are Decimals. Raises TooLarge, InvalidRequest."""
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"At most {MAX_BODY_BYTES} bytes are read.")
    if not raw.strip():
        raise InvalidRequest("The body is empty; send a JSON object.", code="EMPTY_BODY")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.", code="INVALID_JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", code="NOT_AN_OBJECT")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest(f"The field {name[:50]!r} is there twice.", code="DUPLICATE_KEY")
        found[name] = value
    return found


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent beyond all bounds
        return Decimal("Infinity")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
