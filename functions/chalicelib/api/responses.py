"""HTTP in and out: a strict JSON body, one shape and one table of statuses for all errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING

import msgspec
from chalice.app import Request, Response

from .. import runtime
from ..domain.errors import EngineError, TooFast, UnsupportedMediaType
from ..domain.tokens import Token, find_token
from ..logs import Line, info
from ..ports import tracing
from ..ports.metrics import REQUESTS
from . import auth, cors
from .wire import answers, requests
from .wire.codes import HARMFUL_TO_RETRY, RETRY_LATER, status_of
from .wire.schemas import Object

if TYPE_CHECKING:
    from ..runtime import Runtime

log = logging.getLogger(__name__)

RETRY_AFTER_S = "2"
UNAUTHENTICATED = 401
HEALTH = "/health"
CACHEABLE = ("/", "/openapi.json")  # the same for all, until the next deployment


def respond(handler: Callable[[], Response]) -> Response:
    """What `handler` answers, or the error it raised in the shape that every client knows."""
    try:
        return handler()
    except EngineError as error:
        return refuse(error)
    except Exception:
        log.exception("request failed")
        return refuse(unexpected())


def rules(engine: Runtime) -> requests.Rules:
    """What this engine judges orders by."""
    config = engine.config

    def launched(mint: str) -> Token | None:
        runtime.run(engine.store.open_launches([mint]))
        return find_token(mint)

    return requests.Rules(
        config.default_slippage_bps, lambda: engine.world.venues, config.max_auto_slippage_bps, launched
    )


def reply(answer: Object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An object as a response."""
    return Response(msgspec.to_builtins(answer), headers=dict(headers or {}), status_code=status)


def refuse(error: EngineError) -> Response:
    """An error as a response."""
    status = status_of(error.code)
    headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHENTICATED else {}
    if status in RETRY_LATER and error.code not in HARMFUL_TO_RETRY:
        headers["Retry-After"] = str(ceil(error.wait_s)) if isinstance(error, TooFast) else RETRY_AFTER_S
    return reply(answers.error(error), status, headers)


def finish(request: Request, answer: Callable[[Request], Response]) -> Response:
    """What `answer` gives, with what every response has, a log line and a span."""
    if not tracing.is_on() or request.path == HEALTH:
        return _finish(request, answer)
    parent = request.headers.get("traceparent", "")
    with tracing.span("request", parent, entry=True, method=request.method, path=request.path) as span:
        response = _finish(request, answer)
        span.set(
            status=response.status_code,
            order=_order(request, response),
            account=auth.known_account(),
            request=request.context.get("requestId"),
        )
        return response


def _finish(request: Request, answer: Callable[[Request], Response]) -> Response:
    began = time.perf_counter()
    config = runtime.current().config
    pages = cors.origins(config.allowed_origins, config.engine_auth)
    auth.forget()
    try:
        if request.method not in cors.SAFE_METHODS:
            pages.check(request.headers)
        response = answer(request)
        response.headers.update(auth.count_headers())
    except cors.OriginNotAllowed as error:
        response = refuse(error)
        response.headers.update(cors.HEADERS)
    if isinstance(response.body, dict) and "Code" in response.body:
        response = _in_our_shape(request, response)
    if not pages.are_all:
        response.headers.pop(cors.ALLOW_ORIGIN, None)
        vary = response.headers.get("Vary")
        response.headers |= pages.headers(request.headers.get("origin"), request.headers.get("host", ""))
        if vary:
            response.headers["Vary"] = f"{vary}, {response.headers['Vary']}"
    if response.status_code != 200 or request.path not in CACHEABLE:
        response.headers.setdefault("Cache-Control", "no-store")
    took_ms = (time.perf_counter() - began) * 1000
    _log(request, response, took_ms)
    runtime.current().metrics.record(REQUESTS, took_ms, request.method, str(response.status_code))
    return response


def _log(request: Request, response: Response, took_ms: float) -> None:
    if request.path == HEALTH and response.status_code == 200:
        return  # a probe
    answer = response.body if isinstance(response.body, dict) else {}
    line = Line(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        took_ms=round(took_ms),
        code=answer.get("code") if response.status_code >= 400 else None,
        order=_order(request, response),
        account=auth.known_account(),
        request=request.context.get("requestId"),
    )
    info(log, line)


def _order(request: Request, response: Response) -> str | None:
    """The order that the request is about, if about one."""
    answer = response.body if isinstance(response.body, dict) else {}
    return answer.get("orderId") or (request.uri_params or {}).get("order_id")


def _in_our_shape(request: Request, chalices: Response) -> Response:
    """An error of Chalice's own, `{"Code", "Message"}`, as every other error."""
    if chalices.status_code != 405:
        response = refuse(unexpected())
    else:
        allow = ", ".join(sorted({*str(chalices.headers["Allow"]).split(", "), "OPTIONS"}))
        message = f"This path does not take {request.method}; it takes {allow}."
        response = refuse(EngineError(message, code="METHOD_NOT_ALLOWED", allow=allow))
        response.headers["Allow"] = allow
    response.headers.update(cors.HEADERS)
    return response


def unexpected() -> EngineError:
    """The answer to an error that the engine does not know."""
    return EngineError("Something went wrong on our side.", code="INTERNAL_ERROR")


def json_body(request: Request) -> dict[str, object]:
    """The body as a JSON object. Raises UnsupportedMediaType, TooLarge, InvalidRequest."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedMediaType(f"The body is coded as {coding[:50]!r}; send it as it is.")
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType
    raw = request.raw_body or b""
    return requests.json_object(raw.encode() if isinstance(raw, str) else raw)
