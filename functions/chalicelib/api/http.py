"""The HTTP API: submit an order, look at orders, ask for a quote, ask whether all is well."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from chalice.app import Request, Response

from .. import runtime
from ..domain.account import Caller, Scope
from ..domain.errors import EngineError, InvalidRequest, TemporarilyUnavailable
from ..domain.terms import Terms
from ..services.submission import Submitted
from .addresses import base_url, websocket_url
from .auth import caller, is_admin
from .parameters import parameters
from .responses import json_body, refuse, reply, respond, rules
from .wire import answers, requests
from .wire.document import document, socket_document

SUBMIT_METHODS = "OPTIONS, POST"

log = logging.getLogger(__name__)

MOST_LAUNCHES = 500  # pools whose tokens are listed


def index() -> Response:
    """What this is and where to go."""
    return reply(answers.index())


def openapi(request: Request) -> Response:
    """`GET /openapi.json`, with the address that it was asked at."""
    server = base_url(request.to_original_event())
    takes_keys = runtime.current().authentication is not None
    return Response(document(takes_keys=takes_keys) | ({"servers": [{"url": server}]} if server else {}))


def asyncapi(request: Request) -> Response:
    """`GET /asyncapi.json`, with the address of the WebSocket."""
    return Response(socket_document(websocket_url(request.to_original_event())))


def execute_order(request: Request) -> Response:
    """`POST /api/orders/execute`"""

    def handle() -> Response:
        engine, (who, client) = runtime.current(), _caller(request, Scope.ORDERS_WRITE)
        terms, key = requests.order(json_body(request), rules(engine))
        work = engine.submission.submit(who.account, terms, client=client, key=_key(request, key))
        submitted, address = runtime.run(_submitted(work, who, websocket_url(request.to_original_event())))
        answer = answers.submitted(submitted, address)
        if submitted.replayed:
            return reply(answer, 200, {"Idempotent-Replayed": "true"})
        return reply(answer, 202)

    return respond(handle)


def socket_only(request: Request) -> Response:
    """`GET /api/orders/execute` that is no handshake; or is one, where sockets have another address.

    With a body it is a submit by the wrong method.
    """
    if request.raw_body:
        message = f"An order is submitted by POST; this path does not take {request.method} with a body."
        refusal = refuse(EngineError(message, code="METHOD_NOT_ALLOWED", allow=SUBMIT_METHODS))
        refusal.headers["Allow"] = SUBMIT_METHODS
        return refusal
    address = websocket_url(request.to_original_event())
    refusal = refuse(
        EngineError(f"Orders are streamed by a WebSocket at {address}.", code="UPGRADE_REQUIRED")
    )
    refusal.headers.update({"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
    return refusal


def show_order(request: Request, order_id: str) -> Response:
    """`GET /api/orders/{orderId}`"""

    def handle() -> Response:
        who, _ = _caller(request, Scope.ORDERS_READ)
        found = runtime.run(runtime.current().orders.get(who.account, requests.order_id(order_id)))
        return reply(answers.order_with_events(found, _address(request, who, found.order.id)))

    return respond(handle)


def list_orders(request: Request) -> Response:
    """`GET /api/orders`"""

    def handle() -> Response:
        who, _ = _caller(request, Scope.ORDERS_READ)
        asked = parameters(request, ("limit", "cursor", *requests.FILTERS, requests.KEY_FIELD))
        limit, key = requests.limit(asked), asked.get(requests.KEY_FIELD)
        before, only = requests.cursor(asked.get("cursor")), requests.order_filter(asked)
        reading = runtime.current().orders
        if key is None:
            orders = runtime.run(reading.page(who.account, limit + 1, before, only))
        else:
            key = requests.idempotency_key(key)
            orders = runtime.run(reading.of_key(who.account, key, before, only))
        return reply(answers.page(orders, limit))

    return respond(handle)


def execute_batch(request: Request) -> Response:
    """`POST /api/orders/batch`: each order is judged alone, and answered in its place."""

    def handle() -> Response:
        engine, (who, client) = runtime.current(), _caller(request, Scope.ORDERS_WRITE)
        bodies = requests.batch(json_body(request))
        judged = [_judge(body, rules(engine)) for body in bodies]
        orders = [item for item in judged if not isinstance(item, EngineError)]
        submitted = iter(runtime.run(engine.submission.submit_all(who.account, orders, client=client)))
        results = [item if isinstance(item, EngineError) else next(submitted) for item in judged]
        placed = [item.order_id for item in results if isinstance(item, Submitted)]
        base = websocket_url(request.to_original_event())
        addresses = dict(zip(placed, runtime.run(_addresses(who, base, placed)), strict=True))
        return reply(answers.batch(results, addresses))

    return respond(handle)


def cancel_order(request: Request, order_id: str) -> Response:
    """`DELETE /api/orders/{orderId}`"""

    def handle() -> Response:
        (who, _), given = _caller(request, Scope.ORDERS_WRITE), requests.order_id(order_id)
        return reply(answers.order(runtime.run(runtime.current().cancellation.cancel(who.account, given))))

    return respond(handle)


def cancel_orders(request: Request) -> Response:
    """`DELETE /api/orders`: the account's resting orders, of a pair or a type where one is given."""

    def handle() -> Response:
        who, _ = _caller(request, Scope.ORDERS_WRITE)
        asked = parameters(request, ("tokenIn", "tokenOut", "type"))
        only = requests.cancel_filter(asked)
        cancelling = runtime.current().cancellation.cancel_all(who.account, only)
        cancelled = runtime.run(cancelling)
        return reply(answers.cancelled(cancelled))

    return respond(handle)


def list_tokens(request: Request) -> Response:
    """`GET /api/tokens`: those that are always there, whatever the database says of those launched since."""

    def handle() -> Response:
        _caller(request, Scope.ORDERS_READ)
        try:
            launches = runtime.run(runtime.current().store.newest_launches(MOST_LAUNCHES))
        except TemporarilyUnavailable as error:
            log.warning("tokens: launched ones left out error=%r", error)
            launches = []
        return reply(answers.tokens(launches))

    return respond(handle)


def issue_ticket(request: Request) -> Response:
    """`POST /api/tickets`"""

    def handle() -> Response:
        engine, (who, _) = runtime.current(), _caller(request, Scope.ORDERS_READ)
        order_id = requests.ticket(json_body(request) if request.raw_body else {})
        if order_id is not None:
            runtime.run(engine.orders.require(who.account, order_id))
        return reply(answers.ticket(_address(request, who, order_id), engine.config.ticket_ttl_ms), 201)

    return respond(handle)


def quote(request: Request) -> Response:
    """`GET /api/quote`"""

    def handle() -> Response:
        engine, (who, _) = runtime.current(), _caller(request, Scope.ORDERS_READ)
        asked = parameters(request, requests.QUOTE_FIELDS)
        terms = requests.quote_terms(asked, rules(engine))
        quoted = runtime.run(engine.quoting.quote(who.account, terms))
        return reply(answers.quote(terms, quoted, engine.config.quote_ttl_ms))

    return respond(handle)


def health(request: Request) -> Response:
    """`GET /health`; what is wrong is for administrators."""

    def handle() -> Response:
        found = runtime.run(runtime.current().health())
        answer = answers.health(found) if is_admin(request.to_original_event()) else answers.verdict(found)
        return reply(answer, 200 if found.ok else 503)

    return respond(handle)


def _caller(request: Request, scope: Scope) -> tuple[Caller, str]:
    return caller(request.to_original_event(), scope)


async def _submitted(work: Coroutine[Any, Any, Submitted], who: Caller, base: str) -> tuple[Submitted, str]:
    """What a submit gives, and where its events are streamed."""
    submitted = await work
    [address] = await _addresses(who, base, [submitted.order_id])
    return submitted, address


async def _addresses(who: Caller, base: str, order_ids: Sequence[str | None]) -> list[str]:
    """Where a WebSocket gets each order's events, or for None any order's; with a ticket if it takes one."""
    engine = runtime.current()
    if engine.authentication is None:
        return [answers.websocket_address(base, order_id) for order_id in order_ids]
    tickets = await engine.tickets.issue(who, order_ids)
    return [answers.websocket_address(base, *given) for given in zip(order_ids, tickets, strict=True)]


def _address(request: Request, who: Caller, order_id: str | None) -> str:
    [address] = runtime.run(_addresses(who, websocket_url(request.to_original_event()), [order_id]))
    return address


def _judge(body: Mapping[str, object], rules: requests.Rules) -> tuple[Terms, str | None] | EngineError:
    """One order of a batch, or why it is refused."""
    try:
        return requests.order(body, rules)
    except EngineError as error:
        return error


def _key(request: Request, from_body: str | None) -> str | None:
    """The idempotency key: of the header or of the body. Raises InvalidRequest."""
    given = request.to_original_event().get("multiValueHeaders") or {}
    named = [values for name, values in given.items() if name.lower() == "idempotency-key"]
    header = requests.idempotency_header([value for values in named for value in values])
    if header is None:
        return from_body
    if from_body not in (None, header):
        raise InvalidRequest(
            "Idempotency-Key and clientOrderId differ; one is enough.", code="IDEMPOTENCY_KEYS_DIFFER"
        )
    return header
