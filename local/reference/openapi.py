"""The OpenAPI document: the routes are listed here, their schemas and codes come from `api/wire/`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
from chalicelib import VERSION
from chalicelib.api.wire import operations, schemas
from chalicelib.api.wire.codes import CODES, FAILURES, HARMFUL_TO_RETRY, RETRY_LATER, UNQUOTABLE
from chalicelib.api.wire.requests import (
    EXPIRY_FIELDS,
    FLOOR_FIELD,
    LIQUIDITY_FIELD,
    PRICE_FIELDS,
    QUOTE_ID_FIELD,
)
from chalicelib.domain.account import Scope
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import OrderType

Json = dict[str, Any]

CODES_OF = "x-codes"  # of a response: the codes that it comes with
REF = "#/components/schemas/{name}"
OBJECTS = (
    schemas.NewOrder,
    schemas.Batch,
    schemas.BatchResults,
    schemas.CancelledOrders,
    schemas.TokenList,
    schemas.Submitted,
    schemas.Order,
    schemas.OrderWithEvents,
    schemas.Page,
    schemas.Quote,
    schemas.VenueQuotes,
    schemas.Health,
    schemas.Verdict,
    schemas.NewTicket,
    schemas.Ticket,
    schemas.Index,
    schemas.Error,
    schemas.Route,
    schemas.RouteStep,
    schemas.SwapInfo,
    schemas.SingleVenue,
    schemas.Fill,
    schemas.Fees,
    schemas.Fee,
    operations.Engine,
    operations.DeadLetterList,
    operations.RedriveRequest,
    operations.RedriveResults,
    operations.Prices,
)
TYPE_NOTES = {
    OrderType.MARKET: "An order that is executed now.",
    OrderType.LIMIT: "An order that rests until its size gets `limitPrice` or more.",
    OrderType.STOP: "An order that rests until its size gets `stopPrice` or less.",
    OrderType.SNIPER: "An order that rests until a pool of a new token opens, and its size costs "
    "`maxPrice` or less.",
}
EVENT_NOTES = {
    Status.OPEN: "The order rests until its price is there: new, with its terms; or again, as it was gone.",
    Status.PENDING: "The order waits for a worker: new, with its terms; fired, as its price is there; to be "
    "tried again; or redriven by an operator.",
    Status.ROUTING: "A worker has claimed the order and asks every venue for a quote.",
    Status.BUILDING: "The route is chosen; its transaction is signed and kept, and not sent yet.",
    Status.SUBMITTED: "The chain has acknowledged the transaction.",
    Status.CONFIRMED: "The swap has landed: the last event.",
    Status.CANCELLED: "Its client has cancelled the order: the last event.",
    Status.EXPIRED: "The order's time was over before it was executed: the last event.",
    Status.FAILED: "The order has failed: the last event, unless an operator redrives it.",
}
ANY_TIME = (
    "INVALID_HTTP",
    "HOST_NOT_ALLOWED",
    "REQUEST_TIMEOUT",
    "TOO_MANY_REQUESTS",
    "HEADERS_TOO_LARGE",
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
)
BODY = ("EMPTY_BODY", "INVALID_JSON", "DUPLICATE_KEY", "NOT_AN_OBJECT", "INVALID_IDEMPOTENCY_KEY")
TERMS = (
    "MISSING_FIELD",
    "UNKNOWN_FIELD",
    "INVALID_TYPE",
    "INVALID_AMOUNT",
    "AMOUNT_TOO_PRECISE",
    "AMOUNT_TOO_SMALL",
    "AMOUNT_TOO_LARGE",
    "UNKNOWN_TOKEN",
    "SAME_TOKEN",
    "INVALID_SLIPPAGE",
    "INVALID_PRICE_IMPACT",
    "UNKNOWN_DEX",
)
ORDERS_OWN = (
    "INVALID_ORDER_TYPE",
    "INVALID_PRICE",
    "INVALID_EXPIRY",
    "EXPIRY_OUT_OF_RANGE",
    "INVALID_QUOTE_ID",
    "QUOTE_MISMATCH",
    "QUOTE_EXPIRED",
    "INVALID_MINT",
    "TOKEN_LISTED",
)  # not a quote's
VENUES: Json = {"type": "string", "examples": ["raydium,orca"]}
HEALTH = (schemas.Health, schemas.Verdict)
"""Which servers answer, for administrators and of an open engine; whether all do, for others."""
OPTIONAL: list[Json] = [{}]
"""An open engine takes no key; one that takes keys serves this document without it."""
REPLAYED = {"Idempotent-Replayed": {"required": True, "schema": {"const": "true"}}}


@dataclass(frozen=True)
class Route:
    """A route: its answers by status (description, schema), and the codes of its refusals."""

    method: str
    path: str
    operation: str
    summary: str
    tag: str
    answers: dict[int, tuple[str, type[schemas.Object] | tuple[type[schemas.Object], ...] | None]]
    codes: tuple[str, ...] = ()
    parameters: tuple[Json, ...] = ()
    body: type[schemas.Object] | None = None
    headers: dict[int, Json] = field(default_factory=dict)
    scope: Scope | None = None
    """What an API key needs for it, where the engine takes keys."""
    order: str = ""
    """Where the answer holds the id of an order that can be shown, as a JSON pointer."""


def ref(name: str) -> Json:
    """A reference to a schema."""
    return {"$ref": REF.format(name=name)}


def parameter(
    name: str, schema: Json, *, where: str = "query", required: bool = False, note: str = ""
) -> Json:
    """A parameter of a route."""
    described = {"name": name, "in": where, "required": required, "schema": schema}
    return described | ({"description": note} if note else {})


def _schema(of: Any) -> Json:
    return msgspec.json.schema(of)


def _whole_number(least: int, most: int, default: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def routes() -> tuple[Route, ...]:
    """Every route of the HTTP API."""
    key = parameter(
        "Idempotency-Key", _schema(schemas.Key), where="header", note="Makes it safe to submit again."
    )
    one_of = "|".join(Status)
    status = {"type": "string", "pattern": f"^({one_of})(,({one_of}))*$", "examples": ["open,pending"]}
    a_type = "|".join(OrderType)
    type = {"type": "string", "pattern": f"^({a_type})(,({a_type}))*$", "examples": ["limit,stop"]}
    order_id = parameter(
        "order", _schema(schemas.OrderId), where="path", required=True, note="Its `orderId`."
    )
    limit = {"type": "integer", "minimum": 1, "maximum": schemas.MAX_LIMIT, "default": schemas.DEFAULT_LIMIT}
    return (
        Route(
            "get",
            "/",
            "index",
            "What this is, and its endpoints",
            "engine",
            {200: ("The engine.", schemas.Index)},
        ),
        Route(
            "get",
            "/openapi.json",
            "openapi",
            "This document",
            "engine",
            {200: ("An OpenAPI 3.1 document.", None)},
        ),
        Route(
            "get",
            "/asyncapi.json",
            "asyncapi",
            "The document of the WebSocket",
            "engine",
            {200: ("An AsyncAPI 3 document.", None)},
        ),
        Route(
            "get",
            "/docs",
            "docs",
            "The documentation of the API, for people",
            "engine",
            {200: ("A page, which makes it of this document.", None)},
        ),
        Route(
            "get",
            "/health",
            "health",
            "Whether the servers behind the engine answer",
            "engine",
            {
                200: ("All of them do.", HEALTH),
                503: ("One of them does not; or the gateway is too busy to ask.", HEALTH),
            },
        ),
        Route(
            "get",
            "/api/quote",
            "quote",
            "What every venue offers now; no order is placed",
            "market",
            {200: ("The quotes.", schemas.VenueQuotes)},
            codes=("DUPLICATE_KEY", *TERMS, *FAILURES),
            parameters=(
                parameter("tokenIn", _schema(schemas.TokenName), required=True),
                parameter("tokenOut", _schema(schemas.TokenName), required=True),
                parameter("amount", _schema(schemas.DecimalText), required=True),
                parameter("slippageBps", _schema(schemas.SlippageBps | schemas.Auto)),
                parameter("maxPriceImpactBps", _schema(schemas.PriceImpactBps)),
                parameter("minimumOut", _schema(schemas.DecimalText)),
                parameter("dexes", VENUES, note="The only venues it may trade at, with commas between."),
                parameter("excludeDexes", VENUES, note="Venues it may not trade at."),
            ),
            scope=Scope.ORDERS_READ,
        ),
        Route(
            "get",
            "/api/orders",
            "listOrders",
            "Orders, newest first",
            "orders",
            {200: ("One page.", schemas.Page)},
            codes=(
                "INVALID_PARAMETER",
                "EMPTY_PERIOD",
                "INVALID_ORDER_TYPE",
                "UNKNOWN_TOKEN",
                "INVALID_IDEMPOTENCY_KEY",
                "UNKNOWN_FIELD",
                "DUPLICATE_KEY",
            ),
            parameters=(
                parameter("limit", limit),
                parameter(
                    "cursor",
                    {"type": "string", "pattern": f"^{schemas.CURSOR}$"},
                    note="`next` of an earlier page.",
                ),
                parameter("status", status),
                parameter("type", type),
                parameter("tokenIn", _schema(schemas.TokenName), note="Only those that sell it."),
                parameter("tokenOut", _schema(schemas.TokenName), note="Only those that buy it."),
                parameter("from", _schema(schemas.Timestamp), note="Only those submitted then or later."),
                parameter("to", _schema(schemas.Timestamp), note="Only those submitted before."),
                parameter("clientOrderId", _schema(schemas.Key), note="Only the order that has this key."),
            ),
            order="/orders/0/orderId",
            scope=Scope.ORDERS_READ,
        ),
        Route(
            "post",
            schemas.SUBMIT_PATH,
            "executeOrder",
            "Submit an order",
            "orders",
            {
                200: ("The order that this key has already.", schemas.Submitted),
                202: ("Stored and queued.", schemas.Submitted),
            },
            codes=(
                *BODY,
                *TERMS,
                *ORDERS_OWN,
                "IDEMPOTENCY_KEYS_DIFFER",
                "IDEMPOTENCY_CONFLICT",
                "BODY_TOO_LARGE",
                "UNSUPPORTED_MEDIA_TYPE",
                "TOO_MANY_ORDERS",
                "OUTCOME_UNKNOWN",
            ),
            parameters=(key,),
            body=schemas.NewOrder,
            headers={200: REPLAYED},
            order="/orderId",
            scope=Scope.ORDERS_WRITE,
        ),
        Route(
            "get",
            "/api/orders/{order}",
            "showOrder",
            "One order with its events",
            "orders",
            {200: ("The order.", schemas.OrderWithEvents)},
            codes=("INVALID_ORDER_ID", "ORDER_NOT_FOUND", "NOT_FOUND"),
            parameters=(order_id,),
            scope=Scope.ORDERS_READ,
        ),
        Route(
            "delete",
            "/api/orders/{order}",
            "cancelOrder",
            "Cancel an order that no worker holds",
            "orders",
            {200: ("The order, cancelled, now or before.", schemas.Order)},
            codes=("INVALID_ORDER_ID", "ORDER_NOT_FOUND", "NOT_FOUND", "NOT_CANCELLABLE"),
            parameters=(order_id,),
            scope=Scope.ORDERS_WRITE,
        ),
        Route(
            "delete",
            "/api/orders",
            "cancelOrders",
            "Cancel the resting orders of this client, up to 1,000",
            "orders",
            {200: ("Those that were cancelled.", schemas.CancelledOrders)},
            codes=("UNKNOWN_TOKEN", "INVALID_ORDER_TYPE", "UNKNOWN_FIELD", "DUPLICATE_KEY"),
            parameters=(
                parameter("tokenIn", _schema(schemas.TokenName), note="Only those that sell it."),
                parameter("tokenOut", _schema(schemas.TokenName), note="Only those that buy it."),
                parameter("type", {"enum": [str(one) for one in OrderType]}, note="Only those of it."),
            ),
            scope=Scope.ORDERS_WRITE,
        ),
        Route(
            "post",
            "/api/orders/batch",
            "executeBatch",
            "Submit up to 100 orders, each judged alone",
            "orders",
            {200: ("What each order is answered.", schemas.BatchResults)},
            codes=(*BODY, "INVALID_BATCH", "UNKNOWN_FIELD", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"),
            body=schemas.Batch,
            scope=Scope.ORDERS_WRITE,
        ),
        Route(
            "get",
            "/api/tokens",
            "listTokens",
            "The tokens that are traded",
            "market",
            {200: ("The tokens.", schemas.TokenList)},
            scope=Scope.ORDERS_READ,
        ),
        Route(
            "get",
            "/api/prices",
            "listPrices",
            "What a pair has cost at every venue",
            "market",
            {200: ("The prices.", operations.Prices)},
            codes=(
                "MISSING_FIELD",
                "UNKNOWN_TOKEN",
                "SAME_TOKEN",
                "INVALID_PARAMETER",
                "UNKNOWN_FIELD",
                "DUPLICATE_KEY",
            ),
            parameters=(
                parameter("tokenIn", _schema(schemas.TokenName), required=True),
                parameter("tokenOut", _schema(schemas.TokenName), required=True),
                parameter(
                    "everyMs",
                    _whole_number(operations.LEAST_EVERY_MS, operations.MOST_EVERY_MS, 1000),
                    note="The time between two prices, ms.",
                ),
                parameter("count", _whole_number(1, operations.MOST_PRICES, operations.SHOWN_PRICES)),
            ),
            scope=Scope.ORDERS_READ,
        ),
        Route(
            "get",
            "/api/engine",
            "showEngine",
            "The engine at a glance: queue, orders under way, times",
            "engine",
            {200: ("The engine.", operations.Engine)},
            codes=("UNKNOWN_FIELD",),
            scope=Scope.ADMIN,
        ),
        Route(
            "get",
            "/api/dead-letters",
            "listDeadLetters",
            "Orders that failed for good, and messages without an order",
            "engine",
            {200: ("Some of them.", operations.DeadLetterList)},
            codes=("INVALID_PARAMETER", "UNKNOWN_FIELD", "DUPLICATE_KEY"),
            parameters=(
                parameter("limit", _whole_number(1, operations.MOST_LETTERS, operations.SHOWN_LETTERS)),
            ),
            scope=Scope.ADMIN,
        ),
        Route(
            "post",
            "/api/dead-letters/redrive",
            "redrive",
            "Give failed orders a new set of attempts",
            "engine",
            {200: ("What has become of each.", operations.RedriveResults)},
            codes=(
                *(code for code in BODY if code != "INVALID_IDEMPOTENCY_KEY"),
                "INVALID_PARAMETER",
                "INVALID_ORDER_ID",
                "UNSUPPORTED_MEDIA_TYPE",
                "BODY_TOO_LARGE",
            ),
            body=operations.RedriveRequest,
            scope=Scope.ADMIN,
        ),
        Route(
            "post",
            "/api/tickets",
            "issueTicket",
            "The address of a WebSocket for who can send no header",
            "orders",
            {201: ("An address that may be opened once.", schemas.Ticket)},
            codes=(*BODY, "UNKNOWN_FIELD", "INVALID_ORDER_ID", "ORDER_NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE"),
            body=schemas.NewTicket,
            scope=Scope.ORDERS_READ,
        ),
    )


def document() -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for route in routes():
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    paths[schemas.SUBMIT_PATH]["x-websocket"] = websocket()
    page = {"text/html": {"schema": {"type": "string"}}}
    paths["/"]["get"]["responses"]["200"]["content"] |= page
    paths["/docs"]["get"]["responses"]["200"]["content"] = page
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Order execution engine",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Takes market, limit, stop and sniper orders, routes each to the venue that gives "
            "the trader most, and settles it. The WebSocket at an order's `websocket` address streams its"
            " events.",
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "orders", "description": "Submit, read and cancel orders."},
            {"name": "market", "description": "What is traded, and at what price."},
            {"name": "engine", "description": "The engine itself, and what failed in it."},
        ],
        "security": [],
        "paths": paths,
        "x-codes": codes(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": components(),
            "headers": {
                "RetryAfter": {
                    "description": "Seconds to wait; absent where another try may do harm.",
                    "schema": {"type": "string", "pattern": "^[0-9]+$"},
                }
            },
        },
    }


def codes() -> dict[str, Json]:
    """Every code of an error: when it is given, with which statuses, and whether another try may help."""
    refusals = {code: (given.statuses, given.when) for code, given in CODES.items()}
    failures = {code: ((UNQUOTABLE,), when) for code, when in FAILURES.items()}
    return {
        code: {
            "when": when,
            "statuses": list(statuses),
            "failure": code in FAILURES,
            "again": statuses[0] in RETRY_LATER and code not in HARMFUL_TO_RETRY,
        }
        for code, (statuses, when) in (refusals | failures).items()
    }


def websocket() -> Json:
    """The GET of the path of a submit. OpenAPI has operations that are answered 2xx, and it is none."""
    return {
        "summary": "Subscribe to orders, and submit them, over a WebSocket",
        "description": "GET with the handshake of RFC 6455. Messages and events are described in "
        "functions/README.md; the schema of an event is `Event`.",
        "parameters": [
            parameter("orderId", _schema(schemas.OrderId), note="Subscribe to this order at once."),
            parameter("after", _schema(schemas.Count), note="The `seq` of the last event that was seen."),
            parameter("ticket", {"type": "string"}, note="As it was issued, where API keys are needed."),
        ],
        "responses": {
            "101": {"description": "The WebSocket is open."},
            "426": _refusal(["UPGRADE_REQUIRED"]),
        },
    }


def text() -> str:
    """The document as it is packaged."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def components() -> dict[str, Json]:
    """The schemas by name: every object of the API, and every event by its status."""
    _, found = msgspec.json.schema_components((*OBJECTS, schemas.Head), ref_template=REF)
    shown = {name: _without_nulls(schema) for name, schema in found.items()}
    head = shown.pop("Head")
    events = {f"{status.value.capitalize()}Event": _event(head, status) for status in Status}
    references = [ref(name) for name in events]
    shown["Event"] = {
        "description": "One step of an order, as it is stored and streamed.",
        "oneOf": references,
        "discriminator": {
            "propertyName": "status",
            "mapping": {status.value: one["$ref"] for status, one in zip(Status, references, strict=True)},
        },
    }
    shown["OrderWithEvents"]["properties"]["events"]["items"] = ref("Event")
    shown |= _orders_by_type(shown["NewOrder"])
    shown["Status"]["enum"] = [status.value for status in Status]  # in the order of the lifecycle
    return dict(sorted({**shown, **events}.items()))


def _orders_by_type(order: Json) -> dict[str, Json]:
    """What a submit takes: an order of one type, with the fields of that type alone, and one expiry."""
    found = {}
    for type in OrderType:
        price = PRICE_FIELDS.get(type)
        others = [field for field in PRICE_FIELDS.values() if field != price]
        if type is not OrderType.MARKET:
            others.append(QUOTE_ID_FIELD)
        others.append(FLOOR_FIELD if type is OrderType.SNIPER else LIQUIDITY_FIELD)
        properties = {name: one for name, one in order["properties"].items() if name not in others}
        if type is OrderType.SNIPER:
            properties["tokenOut"] = {
                "type": "string",
                "description": "the mint of the new token that is bought",
                **schemas.NEW_MINT,
            }
        properties["type"] = {"const": type.value, "description": order["properties"]["type"]["description"]}
        name = "".join(part.capitalize() for part in type.value.split("-")) + "Order"
        found[name] = {
            **order,
            "title": name,
            "description": TYPE_NOTES[type],
            "properties": properties,
            "required": [*order["required"], *(["type", price] if price else [])],
            "not": {"required": list(EXPIRY_FIELDS)},
        }
    one_of = [ref(name) for name in found]
    return {"NewOrder": {"description": order["description"], "oneOf": one_of}, **found}


def fields(of: type[schemas.Object]) -> dict[str, Json]:
    """The fields of an object, each with its schema."""
    _, found = msgspec.json.schema_components((of,), ref_template=REF)
    properties: dict[str, Json] = _without_nulls(found[of.__name__])["properties"]
    return properties


def _event(head: Json, status: Status) -> Json:
    """The schema of a status' events: the head, and the fields of each kind of its events."""
    kinds = schemas.EVENTS[status]
    own: Json = {}
    for kind in kinds:
        own |= fields(kind)
    required = list(head["required"])
    if len(kinds) == 1:
        _, found = msgspec.json.schema_components(kinds, ref_template=REF)
        required += found[kinds[0].__name__].get("required", [])
    return {
        "type": "object",
        "description": EVENT_NOTES[status],
        "required": required,
        "properties": head["properties"] | {"status": {"const": status.value}} | own,
    }


def _without_nulls(schema: Json) -> Json:
    """The schema of what is sent: an optional field that is not known is absent, and not null."""
    properties = {}
    for name, one in schema.get("properties", {}).items():
        if "default" in one and one["default"] is None:
            [one] = [choice for choice in one["anyOf"] if choice != {"type": "null"}]
        properties[name] = one
    return {**schema, "properties": properties}


def _operation(route: Route) -> Json:
    shown: Json = {"operationId": route.operation, "summary": route.summary, "tags": [route.tag]}
    codes: tuple[str, ...] = (*route.codes, *ANY_TIME)
    if route.method != "get":
        codes += ("ORIGIN_NOT_ALLOWED",)
    if route.scope is not None:
        shown["security"] = [*OPTIONAL, {"bearer": []}, {"apiKey": []}]
        shown["description"] = f"An API key needs the scope `{route.scope}`."
        codes += ("UNAUTHENTICATED", "MISSING_SCOPE")
    if route.parameters:
        shown["parameters"] = list(route.parameters)
    if route.body is not None:
        order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
        examples: dict[type, Json] = {
            schemas.Batch: {"orders": [order]},
            schemas.NewTicket: {},
            operations.RedriveRequest: {"orderIds": ["7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"]},
        }
        example = examples.get(route.body, order)
        content = {"schema": ref(route.body.__name__), "example": example}
        shown["requestBody"] = {
            "required": route.body is not schemas.NewTicket,
            "content": {"application/json": content},
        }
    responses: dict[int, Json] = {}
    for status, (description, schema) in route.answers.items():
        body: Json = {"type": "object"}
        if isinstance(schema, tuple):
            body = {"anyOf": [ref(one.__name__) for one in schema]}
        elif schema:
            body = ref(schema.__name__)
        responses[status] = {"description": description} if status == 101 else _response(description, body)
        if route.order:
            responses[status]["links"] = {"order": _link(route.order)}
        if status in route.headers:
            responses[status]["headers"] = route.headers[status]
    for status, given in _by_status(codes).items():
        refusal = _refusal(given)
        if status in responses:  # both are given with this status
            refusal = responses[status] | {CODES_OF: given}
            [ours] = [refusal["content"]["application/json"]]
            ours["schema"] = {"anyOf": [ours["schema"], ref("Error")]}
        elif status in RETRY_LATER:
            refusal["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
        responses[status] = refusal
    shown["responses"] = {str(status): responses[status] for status in sorted(responses)}
    return shown


def _link(pointer: str) -> Json:
    """A link to the order that an answer names.

    There is none to `cancelOrder`: what follows links takes a DELETE for the end of a resource, and a
    cancelled order can still be shown. For the same reason the path's parameter is not called `orderId`, from
    which clients infer links by themselves.
    """
    return {"operationId": "showOrder", "parameters": {"order": f"$response.body#{pointer}"}}


def _by_status(codes: tuple[str, ...]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in codes:
        for status in CODES[code].statuses if code in CODES else (UNQUOTABLE,):
            found.setdefault(status, []).append(code)
    return found


def _when(codes: list[str]) -> str:
    return "; ".join(CODES[code].when if code in CODES else FAILURES[code] for code in codes)


def _refusal(codes: list[str]) -> Json:
    """An error with one of these codes; its schema is that of all, so that generated clients have one."""
    return _response(_when(codes), ref("Error")) | {CODES_OF: codes}


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
