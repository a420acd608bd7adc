"""HTTP for the node and the maker, on one port.

    POST /                  Solana's JSON-RPC
    GET  /swap/v2/order     the maker
    GET  /faults            the fault rules in force: `{"faults": "…"}`
    POST /faults            replaces them
    GET  /health            the process that answers

Requests of web pages are refused: those with an Origin, or with a Host that is not this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .errors import NoAnswer, ReplyLost, RpcError, ServerFault
from .faults import LATE_S, ORDER, Faults, Kind, WrongRule
from .landing import Landing
from .maker import Maker, Refused
from .rpc import Rpc, methods_of, read_calls, refused

MOST_BYTES = 50 * 1024
"""The most bytes of a request, as on a node."""


class App:
    """The endpoints."""

    def __init__(self, rpc: Rpc, maker: Maker, faults: Faults, landing: Landing) -> None:
        self._rpc = rpc
        self._maker = maker
        self._faults = faults
        self._landing = landing

    def asgi(self) -> Starlette:
        """The application for an ASGI server."""
        routes = [
            Route("/", self._call, methods=["POST"]),
            Route("/swap/v2/order", self._order, methods=["GET"]),
            Route("/faults", self._faults_in_force, methods=["GET", "POST"]),
            Route("/health", self._health, methods=["GET"]),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
        return Starlette(routes=routes, middleware=[hosts, Middleware(RefuseWebPages)])

    async def _call(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return Response(
                "Supplied content type is not allowed. Content-Type: application/json is required", 415
            )
        body = await _body(request)
        if body is None:
            return Response("Payload Too Large", 413, {"connection": "close"})
        try:
            calls = read_calls(body)
        except RpcError as error:
            return Json(refused(error))
        try:
            return await self._faulty(request, methods_of(calls), lambda: self._answer(calls))
        except ReplyLost:
            request.scope["connection"].abort()
            return await _silence(request)

    def _answer(self, calls: object) -> object:
        try:
            return self._rpc.answer(calls)
        finally:
            self._landing.schedule()

    async def _order(self, request: Request) -> Response:
        try:
            return await self._faulty(request, {ORDER}, lambda: self._maker.order(request.query_params))
        except Refused as error:
            return Json({"requestId": str(uuid4()), "error": str(error)}, 400)
        except NoAnswer:
            return await _silence(request)
        except ServerFault:
            return Json({"requestId": str(uuid4()), "error": "Internal server error"}, 500)

    async def _faulty(self, request: Request, methods: set[str], work: Callable[[], object]) -> Response:
        """The result of `work` as JSON, with the injected faults of these methods."""
        if self._faults.strike(Kind.RATE_LIMITED, methods):
            return Json({"error": "Too many requests"}, 429, {"retry-after": "1"})
        if self._faults.strike(Kind.RPC_SILENT, methods):
            return await _silence(request)
        answer = work()
        if self._faults.strike(Kind.RPC_LATE, methods):
            await asyncio.sleep(LATE_S)
        return Response() if answer is None else Json(answer)

    async def _faults_in_force(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                given = json.loads(await _body(request) or b"")
                self._faults.set(given["faults"])
            except WrongRule as error:
                return Json({"error": str(error)}, 400)
            except (ValueError, TypeError, KeyError, AttributeError):
                return Json({"error": 'A JSON object {"faults": "…"} is expected.'}, 400)
        return Json({"faults": self._faults.text})

    async def _health(self, _: Request) -> Response:
        return Json({"service": "solana", "pid": os.getpid()})


class Json(JSONResponse):
    """JSON in ASCII: unlike UTF-8 it can echo a lone surrogate, which a request's JSON may have."""

    def render(self, content: object) -> bytes:
        """The response's body."""
        return json.dumps(content, separators=(",", ":")).encode()


class RefuseWebPages:
    """Answers 403 to requests with an Origin, which browsers send for the pages in them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it has an Origin."""
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            await Response("Web pages have no access to this server.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with the transport in the scope, so that a fault can end the connection."""

    def on_message_begin(self) -> None:
        """Add the transport to the request's scope."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["connection"] = self.transport


async def _body(request: Request) -> bytes | None:
    """The request's body, None if it has too many bytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    return body


async def _silence(request: Request) -> Response:
    """Wait until the connection ends; the response is then not sent."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()
