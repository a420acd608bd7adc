"""The HTTP API: submit an order, look at orders, ask for a quote, ask whether all is well."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from chalice.app import Request, Response

from .. import runtime
from ..domain.errors import EngineError, InvalidRequest
from .responses import account_of, client_of, json_body, refuse, reply, respond
from .wire import answers, requests


def index() -> Response:
    """What this is and where to go."""
    return reply(answers.index())


@cache
def openapi() -> Response:
    """`GET /openapi.json`"""
    return Response(json.loads((Path(__file__).parent.parent / "openapi.json").read_text()))


def execute_order(request: Request) -> Response:
    """`POST /api/orders/execute`"""

    def handle() -> Response:
        engine = runtime.current()
        terms, key = requests.order(json_body(request), engine.config.default_slippage_bps)
        account, client = account_of(request.context), client_of(request.context)
        submitted = runtime.run(
            engine.submission.submit(account, terms, client=client, key=_key(request, key))
        )
        answer = answers.submitted(submitted, engine.config.websocket_url)
        if submitted.replayed:
            return reply(answer, 200, {"Idempotent-Replayed": "true"})
        return reply(answer, 202)

    return respond(handle)


def socket_only() -> Response:
    """`GET /api/orders/execute` that is no handshake; or is one, where sockets have another address."""
    address = runtime.current().config.websocket_url
    where = f" to {address}" if address else ""
    refusal = refuse(EngineError(f"This is a WebSocket: connect{where} with one.", code="UPGRADE_REQUIRED"))
    refusal.headers.update({"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
    return refusal


def show_order(request: Request, order_id: str) -> Response:
    """`GET /api/orders/{orderId}`"""

    def handle() -> Response:
        engine = runtime.current()
        found = runtime.run(engine.orders.get(account_of(request.context), requests.order_id(order_id)))
        return reply(answers.order_with_events(found, engine.config.websocket_url))

    return respond(handle)


def list_orders(request: Request) -> Response:
    """`GET /api/orders`"""

    def handle() -> Response:
        asked = _parameters(request, ("limit", "cursor", "status"))
        limit = requests.limit(asked.get("limit"))
        before, status = requests.cursor(asked.get("cursor")), requests.status(asked.get("status"))
        account = account_of(request.context)
        orders = runtime.run(runtime.current().orders.page(account, limit, before, status))
        return reply(answers.page(orders, limit))

    return respond(handle)


def quote(request: Request) -> Response:
    """`GET /api/quote`"""

    def handle() -> Response:
        engine = runtime.current()
        asked = _parameters(request, requests.FIELDS)
        terms = requests.quote_terms(asked, engine.config.default_slippage_bps)
        quoted = runtime.run(engine.quoting.quote(account_of(request.context), terms))
        return reply(answers.quote(terms, quoted))

    return respond(handle)


def health() -> Response:
    """`GET /health`"""

    def handle() -> Response:
        found = runtime.run(runtime.current().health())
        return reply(answers.health(found), 200 if found.ok else 503)

    return respond(handle)


def _key(request: Request, from_body: str | None) -> str | None:
    """The idempotency key: of the header or of the body. Raises InvalidRequest."""
    header = request.headers.get("idempotency-key")
    if header is None:
        return from_body
    if from_body not in (None, header):
        raise InvalidRequest(
            "Idempotency-Key and clientOrderId differ; one is enough.", code="INVALID_IDEMPOTENCY_KEY"
        )
    return requests.idempotency_key(header)


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
