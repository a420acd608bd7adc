"""REST: one HTTP request → a route of the Chalice app → an API Gateway event → the app's answer → HTTP.

Whatever goes wrong on the way is a Refusal, and has the shape of every other error: {"error", "code"}. The
other methods of a path reach the app, too, which refuses them: deployed, they are its ANY (infra/templates/).
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import ClassVar

from chalice.app import Chalice, Request
from chalicelib.api import cors
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from ..ids import new_id
from .errors import BodyTooLarge, FunctionFailed, OriginNotAllowed, Refusal, RouteNotFound, Unavailable
from .events import rest_event
from .hosts import Hosts
from .http import CLOSE, REQUEST_ID, Response, read_body, readers, refuse_body
from .invoker import Handler, Invoker
from .settings import GatewaySettings

HEALTH, METRICS = "/health", "/metrics"

log = logging.getLogger(__name__)


class RestApi:
    """The app's routes over HTTP, and `/metrics`, which `metrics` answers where it is given."""

    def __init__(
        self, app: Chalice, invoker: Invoker, settings: GatewaySettings, metrics: Handler | None = None
    ) -> None:
        _prepare(app, settings.stage)
        self._app = app
        self._metrics = metrics
        self._routes = [(compile_path(route)[0], route) for route in sorted(app.routes)]  # `{` sorts last
        self._invoker = invoker
        self._settings = settings
        self._hosts = Hosts(settings.allowed_hosts)
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, receive)
        except BodyTooLarge as refusal:
            await refuse_body(self._refused(scope, refusal), receive, send)
            return
        except Refusal as refusal:
            # A client that waits for `100 Continue` may now send its body or another request.
            response = self._refused(scope, refusal, close="expect" in Headers(scope=scope))
        except ClientDisconnect:
            return
        except Exception:
            log.exception("gateway: request failed")
            response = self._refused(scope, FunctionFailed(), close=True)
        if self.closing:
            response.with_defaults(CLOSE)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        self._hosts.check(scope)
        if self._metrics is not None and scope["path"] == METRICS and scope["method"] == "GET":
            return await self._answer_with(self._metrics, scope, receive, METRICS, {})
        route, captured = self._match(scope)
        if scope["method"] == "OPTIONS" and (preflight := self._preflight(scope, route)):
            return preflight
        return await self._answer_with(self._app, scope, receive, route, captured)

    async def _answer_with(
        self, handler: Handler, scope: Scope, receive: Receive, route: str, captured: dict[str, str]
    ) -> Response:
        """The handler's answer to the request's event."""
        if self.closing:
            raise Unavailable("The engine is stopping.")
        is_probe = route == HEALTH
        if not is_probe:
            self._invoker.admit()
        body = await read_body(scope, receive, self._settings.max_body_bytes)
        event = rest_event(scope, route=route, captured=captured, body=body, stage=self._settings.stage)
        answer = await self._invoker.invoke("api_handler", handler, event, is_probe=is_probe)
        response = Response.from_lambda(answer)
        response.raw_headers.append((REQUEST_ID.encode(), event["requestContext"]["requestId"].encode()))
        return response

    def _match(self, scope: Scope) -> tuple[str, dict[str, str]]:
        """The route of the path, which is matched as it came, and the parts that the route captures."""
        path = scope["raw_path"].decode("latin-1").removesuffix("/") or "/"  # as API Gateway does
        for pattern, route in self._routes:
            if match := pattern.fullmatch(path):
                return route, match.groupdict()
        raise RouteNotFound()

    def _refused(self, scope: Scope, refusal: Refusal, *, close: bool = False) -> Response:
        return Response.refusing(refusal, readers(self._settings.origins, scope), close=close)

    def _preflight(self, scope: Scope, route: str) -> Response | None:
        """What is deployed beside a route with CORS, whatever is asked; None where the route has none.

        Raises OriginNotAllowed.
        """
        allowed = {method: entry.cors for method, entry in self._app.routes[route].items() if entry.cors}
        if not allowed:
            return None
        given = Headers(scope=scope)
        if not self._settings.origins.admit(given.get("origin"), given.get("host", "")):
            raise OriginNotAllowed()
        *_, config = allowed.values()  # one for all of a path: Chalice sees to that
        known = config.get_access_control_headers()
        del known[cors.ALLOW_ORIGIN]
        headers = {
            "access-control-allow-methods": ",".join([*allowed, "OPTIONS"]),
            **{name.lower(): value for name, value in known.items()},
            **readers(self._settings.origins, scope),
            "content-type": "application/json",
            REQUEST_ID: new_id(),
        }
        return Response(None, 200, headers)


class ConcurrentChalice(Chalice):
    """The app of functions that serve many requests at once.

    A Lambda environment serves one request at a time, so Chalice keeps `current_request` on the app. Here
    each handler runs in a context of its own (`local/calls.py`), which keeps it instead.
    """

    _current: ClassVar[ContextVar[Request | None]] = ContextVar("current_request", default=None)

    @property
    def current_request(self) -> Request | None:
        """The request of the calling handler."""
        return self._current.get()

    @current_request.setter
    def current_request(self, request: Request | None) -> None:
        self._current.set(request)


def _prepare(app: Chalice, stage: str) -> None:
    """Make the app fit for many requests at once, outside of Lambda.

    A configured WebSocket API spares Chalice the search for AWS_REGION, which only Lambda sets.
    """
    if not isinstance(app, ConcurrentChalice):
        kind = type(app)
        bases = (ConcurrentChalice, kind)
        app.__class__ = ConcurrentChalice if kind is Chalice else type(kind.__name__, bases, {})
    app.websocket_api.configure("127.0.0.1", stage)
