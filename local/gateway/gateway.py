"""API Gateway on a developer's machine: one ASGI app for REST, WebSocket and `@connections`."""

from __future__ import annotations

from contextvars import ContextVar
from types import ModuleType
from typing import ClassVar

from chalice.app import Chalice, Request

from .asgi import Receive, Scope, Send
from .invoker import Invoker
from .management import ManagementApi
from .rest import RestApi
from .settings import GatewaySettings
from .sockets import SocketApi


class Gateway:
    """Serves the Chalice app and the WebSocket handlers of `functions`; is the `Push` to their clients."""

    def __init__(self, functions: ModuleType, *, settings: GatewaySettings | None = None) -> None:
        self.settings = settings or GatewaySettings()
        _prepare(functions.app, self.settings.stage)
        self._invoker = Invoker(self.settings)
        self._rest = RestApi(functions.app, self._invoker, self.settings)
        self._sockets = SocketApi(functions, self._invoker, self.settings)
        self._management = ManagementApi(self._sockets, self.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            serve = self._management if self._management.serves(scope) else self._rest
            await serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._sockets(scope, receive, send)

    @property
    def connections(self) -> int:
        """The number of sockets that are open or being opened."""
        return len(self._sockets)

    @property
    def running(self) -> int:
        """The number of functions that run or wait to run."""
        return self._invoker.running

    @property
    def waiting(self) -> int:
        """The number of functions that wait to run."""
        return self._invoker.waiting

    async def send(self, connection_id: str, text: str) -> None:
        """Push one text frame to a client. Raises ConnectionGone."""
        await self._sockets.send(connection_id, text)

    async def close(self, connection_id: str, reason: str) -> None:
        """Close a client's socket; a socket that is closed already is not an error."""
        await self._sockets.close(connection_id, reason)

    async def stop(self) -> None:
        """Refuse new requests, finish those in flight, close the sockets and invoke each $disconnect."""
        self._rest.closing = True
        await self._invoker.idle(self.settings.drain_s)
        await self._sockets.stop()


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
