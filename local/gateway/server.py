"""uvicorn under the gateway: a socket that is bound here, a stop that the caller asks for, and no signals.

listen(host, port) → serve_on(gateway, socket) … stop is set → no new clients → gateway.stop() → closed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from ..errors import PortTaken
from .http_protocol import HttpProtocol
from .limits import ConnectionLimit, connections_within, raise_descriptor_limit
from .socket_protocol import SocketProtocol

if TYPE_CHECKING:
    from . import Gateway

SEND_BUFFER_BYTES = 131_072
BACKLOG = 2048  # connections that the kernel holds for us
ACCEPTED_AT_ONCE = 64  # and then takes from it, so that there are never many more than there is room for
TICKS = 5  # of uvicorn's, 0.1 s each, between two looks at connections that wait too long

log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that it is ours before anything else is started. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol said, or asyncio leaves Nagle's algorithm on and each response waits 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this would let two servers share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Clients' connections inherit it: the kernel would hold megabytes for one that reads nothing.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise PortTaken(host, port, (error.strerror or str(error)).lower()) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Where clients on this machine reach who listens there."""
    host, port = listening.getsockname()[:2]
    if ip_address(host).is_unspecified:  # every address, of which the loopback's is surely ours
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    gateway: Gateway, host: str, port: int, *, started: Callable[[], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, and stop cleanly. Raises PortTaken."""
    await serve_on(gateway, listen(host, port), started=started, stop=stop)


async def serve_on(
    gateway: Gateway, listening: socket.socket, *, started: Callable[[], None], stop: asyncio.Event
) -> None:
    """`serve` on a socket of `listen`."""
    server = _Server(_config(gateway), started)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.stop_listening()
        await gateway.stop()
        server.should_exit = True
        await serving


def _config(gateway: Gateway) -> uvicorn.Config:
    settings = gateway.settings
    most = settings.max_connections or connections_within(raise_descriptor_limit())
    http = partial(HttpProtocol, settings=settings, limit=ConnectionLimit(most))
    return uvicorn.Config(
        gateway,
        http=http,  # type: ignore[arg-type]  # called as the class would be
        ws=SocketProtocol,
        backlog=ACCEPTED_AT_ONCE,
        loop="none",
        lifespan="off",
        # Larger messages are refused by the gateway, with a reason; these here before they fill the memory.
        ws_max_size=8 * settings.max_message_bytes,
        ws_ping_interval=20,
        ws_ping_timeout=40,  # longer than a handler may take: pongs behind a waiting message are not read
        ws_per_message_deflate=False,  # neither has API Gateway
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the command line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(BACKLOG)  # asyncio has set it to what it accepts at once
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in [*self.server_state.connections]:
                if isinstance(connection, HttpProtocol):
                    connection.expire(now)
        return await super().on_tick(counter)

    def stop_listening(self) -> None:
        for server in self.servers:
            server.close()
