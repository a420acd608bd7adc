"""uvicorn under the gateway: a socket that is bound here, a stop that the caller asks for, and no signals.

listen(host, port) → serve_on(gateway, socket) … stop is set → no new clients → gateway.stop() → closed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from asyncio.transports import BaseTransport, Transport
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from ..errors import PortTaken

if TYPE_CHECKING:
    from . import Gateway

SEND_BUFFER_BYTES = 131_072

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
        listening.listen(2048)
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
    return uvicorn.Config(
        gateway,
        http="httptools",
        ws=_SocketProtocol,
        loop="none",
        lifespan="off",
        # Larger messages are refused by the gateway, with a reason; these here before they fill the memory.
        ws_max_size=8 * gateway.settings.max_message_bytes,
        ws_ping_interval=20,
        ws_ping_timeout=40,  # longer than a handler may take: pongs behind a waiting message are not read
        ws_per_message_deflate=False,  # neither has API Gateway
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
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
        self._on_started()

    def stop_listening(self) -> None:
        for server in self.servers:
            server.close()


class _SocketProtocol(WebSocketsSansIOProtocol):
    """The `Transport` of a connection: what ASGI does not offer.

    A write to a client that reads nothing waits until 64 KB have room in the transport, and so does a close
    frame; so such a client is cut off.
    """

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # by a refusal; uvicorn would log that as the app's error

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        cast(Transport, transport).set_write_buffer_limits(high=65_536)
        self.app_state = {**self.app_state, "transport": self}

    def write_text(self, text: str) -> bool:
        """As `send` does, without a task that waits for room."""
        is_open = self.handshake_complete and not (self.disconnected or self.close_sent)
        if not is_open or not self.writable.is_set():
            return False
        try:
            self.conn.send_text(text.encode())
        except InvalidState:
            return False
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    def abort(self) -> None:
        """Hang up at once, whatever is buffered."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # a close would wait until the dead client has read what is buffered
