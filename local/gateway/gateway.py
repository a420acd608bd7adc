"""API Gateway on a developer's machine: one ASGI app for REST, WebSocket and `@connections`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from chalice.app import Chalice
from chalice.local import LocalChalice

from .asgi import Receive, Scope, Send
from .invoker import Invoker
from .management import ManagementApi
from .rest import RestApi
from .settings import GatewaySettings
from .sockets import SocketApi


class Gateway:
    """Serves the Chalice app and the WebSocket handlers of `functions`; is the `Push` to their clients.

    `on_submitted` is called on the event loop after each POST and each socket message that was handled.
    """

    def __init__(self, functions: ModuleType, *, settings: GatewaySettings | None = None) -> None:
        self.settings = settings or GatewaySettings()
        self.on_submitted: Callable[[], None] = lambda: None
        _prepare(functions.app, self.settings.stage)
        self._invoker = Invoker(self.settings)
        self._rest = RestApi(functions.app, self._invoker, self.settings, self._submitted)
        self._sockets = SocketApi(functions, self._invoker, self.settings, self._submitted)
        self._management = ManagementApi(self._sockets, self.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            serve = self._management if self._management.serves(scope) else self._rest
            await serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._sockets(scope, receive, send)

    @property
    def connections(self) -> int:
        """Sockets that are open or being opened."""
        return len(self._sockets)

    @property
    def running(self) -> int:
        """Functions that are running, or wait to."""
        return self._invoker.running

    @property
    def waiting(self) -> int:
        """Functions that wait to run."""
        return self._invoker.waiting

    async def send(self, connection_id: str, text: str) -> None:
        """Push one text frame to a client. Raises ConnectionGone."""
        await self._sockets.send(connection_id, text)

    async def close(self, connection_id: str, reason: str) -> None:
        """Close a client's socket; one that is gone already is fine."""
        await self._sockets.close(connection_id, reason)

    async def stop(self) -> None:
        """Take nothing new, let what is under way end, close the sockets, let the functions know."""
        self._rest.closing = True
        await self._invoker.idle(self.settings.drain_s)
        await self._sockets.stop()
        self._invoker.close()

    def _submitted(self) -> None:
        self.on_submitted()


def _prepare(app: Chalice, stage: str) -> None:
    """Make the app fit for handlers that run in several threads at once, and outside of Lambda.

    A Lambda environment serves one request at a time, so Chalice keeps `current_request` on the app. Here
    many threads serve at once, so the app becomes a LocalChalice, which keeps it by thread: that is what
    `chalice local` does, for the same reason.
    A configured WebSocket API spares Chalice the search for AWS_REGION, which only Lambda sets.
    """
    if not isinstance(app, LocalChalice):
        kind = type(app)
        app.__class__ = LocalChalice if kind is Chalice else type(kind.__name__, (LocalChalice, kind), {})
    app.websocket_api.configure("127.0.0.1", stage)
