"""The HTTP API: submit an order, look at orders, ask for a quote, ask whether all is well."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from chalice.app import Request, Response

from .. import runtime
from ..domain.errors import InvalidRequest
from ..domain.lifecycle import Status
from ..domain.order import Order, timestamp
from ..domain.request import FIELDS, parse_key, parse_order, parse_order_id, parse_terms
from ..domain.routing import minimum_received
from ..services.quoting import choose, quotes_to_wire
from .responses import account_of, client_of, json_body, respond

DEFAULT_LIMIT, MAX_LIMIT = 50, 200

ENDPOINTS = {
    "submit": "POST /api/orders/execute",
    "follow": "GET /api/orders/execute?orderId={orderId} (WebSocket)",
    "order": "GET /api/orders/{orderId}",
    "orders": "GET /api/orders",
    "quote": "GET /api/quote?tokenIn=SOL&tokenOut=USDC&amount=1",
    "health": "GET /health",
    "openapi": "GET /openapi.json",
}


def index() -> Response:
    """What this is and where to go."""
    return Response(
        {"name": "order-engine", "description": "Market orders, routed and settled.", "endpoints": ENDPOINTS}
    )


@cache
def openapi() -> Response:
    """`GET /openapi.json`"""
    return Response(json.loads((Path(__file__).parent.parent / "openapi.json").read_text()))


def execute_order(request: Request) -> Response:
    """`POST /api/orders/execute`"""

    def handle() -> Response:
        engine = runtime.current()
        terms, key = parse_order(json_body(request), engine.config.default_slippage_bps)
        submitted = runtime.run(
            engine.submission.submit(terms, client=client_of(request.context), key=_key(request, key))
        )
        answer = submitted.to_wire(engine.socket_settings.url(submitted.order_id))
        if submitted.replayed:
            return Response(answer, headers={"Idempotent-Replayed": "true"}, status_code=200)
        return Response(answer, status_code=202)

    return respond(handle)


def show_order(request: Request, order_id: str) -> Response:
    """`GET /api/orders/{orderId}`"""

    def handle() -> Response:
        engine = runtime.current()
        found = runtime.run(engine.orders.get(account_of(request.context), parse_order_id(order_id)))
        answer = found.order.to_wire() | {
            "websocket": engine.socket_settings.url(found.order.id),
            "events": [event.to_wire() for event in found.events],
        }
        return Response(answer)

    return respond(handle)


def list_orders(request: Request) -> Response:
    """`GET /api/orders`"""

    def handle() -> Response:
        asked = _parameters(request, ("limit", "cursor", "status"))
        limit = _limit(asked.get("limit"))
        before, status = _cursor(asked.get("cursor")), _status(asked.get("status"))
        account = account_of(request.context)
        orders = runtime.run(runtime.current().orders.page(account, limit, before, status))
        following = _cursor_after(orders[-1]) if len(orders) == limit else None
        return Response({"orders": [order.to_wire() for order in orders], "next": following})

    return respond(handle)


def quote(request: Request) -> Response:
    """`GET /api/quote`"""

    def handle() -> Response:
        engine = runtime.current()
        asked: dict[str, object] = dict(_parameters(request, FIELDS))
        if "slippageBps" in asked:
            text = str(asked["slippageBps"])
            asked["slippageBps"] = Decimal(text) if text.isascii() and text.isdigit() else text
        terms = parse_terms(asked, engine.config.default_slippage_bps)
        answers = runtime.run(engine.quoting.ask(terms))
        chosen = choose(answers)
        answer = terms.to_wire() | {
            "chosen": chosen.venue,
            "amountOut": terms.token_out.text(chosen.amount_out),
            "minimumOut": terms.token_out.text(minimum_received(chosen.amount_out, terms.slippage_bps)),
            "quotes": quotes_to_wire(answers),
        }
        return Response(answer)

    return respond(handle)


def health() -> Response:
    """`GET /health`"""

    def handle() -> Response:
        found = runtime.run(runtime.current().health())
        letters = found.dead_letters
        answer = {
            "status": "ok" if found.ok else "degraded",
            **{name: "ok" if answers else "unavailable" for name, answers in found.servers.items()},
            "deadLetters": letters and {"count": letters.count, "oldestSeconds": _seconds(letters.oldest_s)},
            "timestamp": timestamp(datetime.now(UTC)),
        }
        return Response(answer, status_code=200 if found.ok else 503)

    return respond(handle)


def _seconds(age_s: float | None) -> float | None:
    return None if age_s is None else round(age_s, 1)


def _key(request: Request, from_body: str | None) -> str | None:
    """The idempotency key: of the header or of the body. Raises InvalidRequest."""
    header = request.headers.get("idempotency-key")
    if header is None:
        return from_body
    if from_body not in (None, header):
        raise InvalidRequest(
            "Idempotency-Key and clientOrderId differ; one is enough.", code="INVALID_IDEMPOTENCY_KEY"
        )
    return parse_key(header)


def _parameters(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    """The query string's parameters, each once. Raises InvalidRequest."""
    given = request.query_params
    if given is None:
        return {}
    for name in given:
        if name not in known:
            raise InvalidRequest(f"The parameter {name[:50]!r} is not known.", code="UNKNOWN_FIELD")
        if len(given.getlist(name)) > 1:
            raise InvalidRequest(f"The parameter {name!r} is there twice.", code="DUPLICATE_KEY")
    return dict(given)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidRequest(f"limit is a whole number from 1 to {MAX_LIMIT}.", code="INVALID_PARAMETER")


def _status(text: str | None) -> Status | None:
    try:
        return None if text is None else Status(text)
    except ValueError:
        raise InvalidRequest(f"status is one of {', '.join(Status)}.", code="INVALID_PARAMETER") from None


def _cursor_after(order: Order) -> str:
    return base64.urlsafe_b64encode(json.dumps([order.created_at.isoformat(), order.id]).encode()).decode()


def _cursor(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    try:
        text_at, order_id = json.loads(base64.urlsafe_b64decode(text))
        at = datetime.fromisoformat(text_at)
        if at.tzinfo is None:
            raise ValueError(text_at)
        return at, parse_order_id(order_id)
    except (ValueError, TypeError, RecursionError, InvalidRequest):
        raise InvalidRequest(
            "cursor is what an earlier page gave as next.", code="INVALID_PARAMETER"
        ) from None
