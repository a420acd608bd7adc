"""The HTTP API's other half: prices for a chart, and what operators look at and do."""

from __future__ import annotations

from datetime import UTC, datetime

from chalice.app import Request, Response

from .. import runtime
from ..domain.account import Scope
from .auth import caller
from .parameters import parameters
from .responses import json_body, reply, respond
from .wire import operations as wire
from .wire import requests


def prices(request: Request) -> Response:
    """`GET /api/prices`"""

    def handle() -> Response:
        caller(request.to_original_event(), Scope.ORDERS_READ)
        asked = parameters(request, ("tokenIn", "tokenOut", "everyMs", "count"))
        pair, (every_ms, count) = requests.pair(asked), wire.prices_request(asked)
        reading = runtime.current().quoting.prices(*pair, every_ms=every_ms, count=count)
        found = runtime.run(reading)
        return reply(wire.prices(pair, every_ms, datetime.now(UTC), found))

    return respond(handle)


def engine(request: Request) -> Response:
    """`GET /api/engine`"""

    def handle() -> Response:
        caller(request.to_original_event(), Scope.ADMIN)
        parameters(request, ())
        return reply(wire.engine(runtime.run(runtime.current().operations.overview())))

    return respond(handle)


def dead_letters(request: Request) -> Response:
    """`GET /api/dead-letters`"""

    def handle() -> Response:
        caller(request.to_original_event(), Scope.ADMIN)
        limit = wire.letters_limit(parameters(request, ("limit",)))
        letters, total = runtime.run(runtime.current().operations.dead_letters(limit))
        return reply(wire.dead_letters(letters, total))

    return respond(handle)


def redrive(request: Request) -> Response:
    """`POST /api/dead-letters/redrive`"""

    def handle() -> Response:
        who, _ = caller(request.to_original_event(), Scope.ADMIN)
        order_ids = wire.redrive_request(json_body(request))
        tally = runtime.run(runtime.current().operations.redrive(who.account, order_ids))
        return reply(wire.redriven(order_ids, tally))

    return respond(handle)
