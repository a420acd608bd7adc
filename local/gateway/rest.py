"""REST: one HTTP request → a route of the Chalice app → an API Gateway event → the app's answer → HTTP.

Whatever goes wrong on the way is a Refusal, and has the shape of every other error: {"error", "code"}.
"""

from __future__ import annotations

from chalice.app import Chalice
from chalice.local import RouteMatcher

from .asgi import Receive, Scope, Send
from .body import ClientLeft, read_body, refuse_body
from .errors import BodyTooLarge, MethodNotAllowed, Refusal, RouteNotFound, Unavailable
from .events import rest_event
from .invoker import Invoker
from .response import CORS, Response
from .settings import GatewaySettings

HEALTH = "/health"


class RestApi:
    """The app's routes over HTTP."""

    def __init__(self, app: Chalice, invoker: Invoker, settings: GatewaySettings) -> None:
        self._app = app
        self._matcher = RouteMatcher(list(app.routes))
        self._invoker = invoker
        self._settings = settings
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, receive)
        except BodyTooLarge as refusal:
            await refuse_body(Response.refusing(refusal), receive, send)
            return
        except Refusal as refusal:
            response = Response.refusing(refusal)
        except ClientLeft:
            return
        headers = response.asgi_headers(CORS | {"connection": "close"} if self.closing else CORS)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        route, captured = self._match(scope)
        methods = self._app.routes[route]
        allow = ", ".join(sorted({*methods, "OPTIONS"}))
        method = scope["method"]
        if method == "OPTIONS" and "OPTIONS" not in methods:
            return _preflight(scope, allow)
        if method == "HEAD" and "HEAD" not in methods:
            method = "GET"  # the server leaves the body out
        if method not in methods:
            raise MethodNotAllowed(scope["method"], allow)
        if self.closing:
            raise Unavailable("The engine is stopping.")
        is_probe = route == HEALTH
        if not is_probe:
            self._invoker.admit()
        body = await read_body(scope, receive, self._settings.max_body_bytes)
        event = rest_event(
            scope, method=method, route=route, captured=captured, body=body, stage=self._settings.stage
        )
        answer = await self._invoker.invoke("api_handler", self._app, event, is_probe=is_probe)
        response = Response.from_lambda(answer)
        response.headers.append(("x-amzn-requestid", event["requestContext"]["requestId"]))
        return response

    def _match(self, scope: Scope) -> tuple[str, dict[str, str]]:
        path = scope["raw_path"].decode("latin-1")
        if path in self._app.routes and "{" not in path:
            return path, {}
        try:
            # A host in front, so that the `//x` of a path is not taken for one; and `;` is part of a path.
            match = self._matcher.match_route("http://local" + path.replace(";", "%3B"))
        except ValueError:
            raise RouteNotFound() from None
        # The matcher leaves in `captured` what it found in routes that it tried before.
        return match.route, {
            name: part for name, part in match.captured.items() if f"{{{name}}}" in match.route
        }


def _preflight(scope: Scope, allow: str) -> Response:
    asked = dict(scope["headers"]).get(b"access-control-request-headers", b"content-type").decode("latin-1")
    headers = [
        ("allow", allow),
        ("access-control-allow-methods", allow),
        ("access-control-allow-headers", asked),
        ("access-control-max-age", "600"),
    ]
    return Response(204, headers)
