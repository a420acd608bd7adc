"""API Gateway on a developer's machine: REST, WebSocket and `@connections` on one port, before the functions.

rest.py         HTTP request → route → event → the Chalice app → response
websocket.py    handshake → $connect → messages → $disconnect; connection.py writes to one client
management.py   @connections: push to a client from another process
invoker.py      throttle, concurrency and timeout of the functions; settings.py has the limits
proxies.py      what a proxy in front says of the client, and whether it is believed
hosts.py        the names that the engine goes by; requests for another host are refused
server.py       uvicorn under it, with http_protocol.py and socket_protocol.py, and limits.py on their number
"""

from __future__ import annotations

from types import ModuleType

from starlette.types import Receive, Scope, Send

from .invoker import Handler, Invoker
from .management import ManagementApi
from .proxies import Proxies
from .rest import RestApi
from .server import listen, serve, serve_on, url_of
from .settings import GatewaySettings
from .websocket import WebSocketApi

__all__ = ["Gateway", "GatewaySettings", "listen", "serve", "serve_on", "url_of"]


class Gateway:
    """The ASGI app for the Chalice app and the WebSocket handlers of `functions`; `Push` to their clients.

    Without `settings` the environment is asked. `metrics` answers `/metrics`. Raises ConfigError.
    """

    def __init__(
        self,
        functions: ModuleType,
        *,
        settings: GatewaySettings | None = None,
        metrics: Handler | None = None,
    ) -> None:
        self.settings = settings or GatewaySettings.load()
        self._proxies = Proxies(self.settings.trusted_proxies, self.settings.path_prefix)
        self._invoker = Invoker(self.settings)
        self._rest = RestApi(functions.app, self._invoker, self.settings, metrics)
        self._websocket = WebSocketApi(functions, self._invoker, self.settings)
        self._management = ManagementApi(self._websocket, self.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._proxies.are_absent and not self._management.serves(scope):
            self._proxies.reveal(scope)
        if scope["type"] == "http":
            api = self._management if self._management.serves(scope) else self._rest
            await api(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    @property
    def connections(self) -> int:
        """The number of WebSockets that are open or being opened."""
        return len(self._websocket)

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
        await self._websocket.send(connection_id, text)

    async def close(self, connection_id: str, reason: str) -> None:
        """Close a client's connection; one that is closed already is not an error."""
        await self._websocket.close(connection_id, reason)

    async def stop(self) -> None:
        """Refuse new requests, finish those in flight, close the connections and invoke each $disconnect."""
        self._rest.closing = True
        await self._invoker.idle(self.settings.drain_s)
        await self._websocket.stop()
