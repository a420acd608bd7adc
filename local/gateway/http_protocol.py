"""HTTP/1.1 on one connection: uvicorn's protocol, with the framing, deadlines and refusals that it lacks.

    data_received ─▶ slices ─▶ llhttp ─┬─▶ a request: the ASGI app, one after the other
                                       ├─▶ a WebSocket's handshake: SocketProtocol takes the connection over
                                       └─▶ no HTTP, or too much of it: a Refusal in JSON, then the end

An `Upgrade` to anything but a WebSocket is ignored, as RFC 9110 §7.8 says. llhttp knows no such thing: at
such a head it leaves out the body, whose bytes would be the next request. So the head is parsed a second
time, without the header.

Nothing is waited for without a limit. A connection is in one of these phases, and `expire` ends those that
have been in one for too long:

    WAITING ── first byte ──▶ HEAD ── empty line ──▶ BODY ── last byte ──▶ ANSWERING ── response ──▶ WAITING
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .errors import HeadersTooLarge, InvalidHttp, Refusal, RequestTimeout, TooManyConnections
from .http import Response
from .limits import ConnectionLimit, Phase
from .settings import GatewaySettings

SLICE_BYTES = 16_384  # parsed at a time; what is behind it waits until the requests in it are answered
LINGER_S = 2.0  # for a client that still sends to read why it is refused
HANDSHAKE_LINE_BYTES = 8_190  # the longest line that the websockets package reads
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]*)?")


class HttpProtocol(HttpToolsProtocol):
    """A client's connection until it is closed, or is a WebSocket."""

    flow: _Flow

    def __init__(self, *args: Any, settings: GatewaySettings, limit: ConnectionLimit, **options: Any) -> None:
        super().__init__(*args, **options)
        self._settings = settings
        self._limit = limit
        self._unread = bytearray()
        self._unframed = 0  # bytes since the message began, or since the last of its body
        self._hosts = 0
        self._running: RequestResponseCycle | None = None
        self._refusal: Refusal | None = None
        self._half_closed = False
        self._blocked_since = 0.0  # since when the client has not read what is written; 0: it does
        self.phase = Phase.WAITING
        self.since = self.loop.time()

    # --- The connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self.flow = _Flow(self)
        if self._limit.is_exceeded(len(self.connections)):
            others = [found for found in self.connections if isinstance(found, HttpProtocol)]
            others.remove(self)
            if not self._limit.make_room(others):
                self.refuse(TooManyConnections())

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes a bool
        """Whether to keep the connection: a client that sends nothing more may still read its answer."""
        self._half_closed = self._running is not None and self.phase is not Phase.BODY
        return self._half_closed

    def pause_writing(self) -> None:
        super().pause_writing()
        self._blocked_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._blocked_since = 0.0

    def abort(self) -> None:
        """Close at once and discard what is buffered."""
        self.connections.discard(self)
        self.transport.abort()

    def expire(self, now: float) -> None:
        """Close the connection if what it waits for has not come in time."""
        settings, waited_s = self._settings, now - self.since
        if self._refusal is not None and self._running is None:
            if waited_s > LINGER_S:
                self.transport.abort()
        elif self._blocked_since and now - self._blocked_since > settings.write_s:
            self.transport.abort()
        elif self.phase is Phase.WAITING and waited_s > settings.http_idle_s:
            self.transport.close()
        elif not self.pipeline and (
            (self.phase is Phase.HEAD and waited_s > settings.head_s)
            or (self.phase is Phase.BODY and waited_s > settings.body_s)
        ):
            self.refuse(RequestTimeout())

    # --- Bytes in ---

    def data_received(self, data: bytes) -> None:
        if self._unread or len(data) > SLICE_BYTES:
            self._unread += data
            self.parse_unread()
        else:
            self._parse(data)

    def parse_unread(self) -> None:
        """Parse what has arrived, slice by slice, until it is to wait for the requests before it."""
        while self._unread and not self.flow.read_paused:
            piece = bytes(self._unread[:SLICE_BYTES])
            del self._unread[:SLICE_BYTES]
            self._parse(piece)
        if not self._unread and not self.flow.read_paused:
            self.transport.resume_reading()

    @property
    def has_unread(self) -> bool:
        """Whether bytes have arrived that are not parsed yet."""
        return bool(self._unread)

    def _parse(self, data: bytes) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.refuse(cause if isinstance(cause, Refusal) else InvalidHttp())
        else:
            self._unframed += len(data)
            if self._unframed > 2 * self._settings.max_head_bytes:
                self.refuse(HeadersTooLarge())  # a head, or what frames a body, without end

    # --- What the parser finds ---

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._hosts = self._unframed = 0
        self._enter(Phase.HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is not Phase.HEAD:
            return  # a trailer: it comes after all has been decided by the head
        name = name.lower()
        if name == b"host":
            self._hosts += 1
            if not HOST.fullmatch(value):
                raise InvalidHttp("The Host header names no host.")
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._check_head()
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
            return  # `_upgrade` decides, once the parser has stopped
        self._enter(Phase.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._enter(Phase.WAITING if self.cycle.response_complete else Phase.ANSWERING)

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since = phase, self.loop.time()

    def _check_head(self) -> None:
        """Raises InvalidHttp, HeadersTooLarge."""
        settings = self._settings
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            raise InvalidHttp("A request has one Host header.")
        if len(self.headers) > settings.max_headers or (
            self._unframed  # the head has come in pieces, so it may be larger than one
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > settings.max_head_bytes
        ):
            raise HeadersTooLarge()

    # --- Requests, one after the other ---

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        cycle.transport = cast(asyncio.Transport, _Joined(cycle))
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Start the next request. `expire` takes the place of uvicorn's timer, which each response set."""
        if self._running is not None:
            cast(_Joined, self._running.transport).flush()
            self._running.transport = self.transport  # or both would refer to each other
        self._running = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._enter(Phase.WAITING if self.phase is Phase.ANSWERING and not self.pipeline else self.phase)
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._answer_refusal()
        elif self._half_closed and not self._unread:
            self.transport.close()
        self.flow.resume_reading()

    # --- Upgrades ---

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection over to a WebSocket, or parse the head again as if it asked for no upgrade."""
        if self.scope["method"] == "CONNECT":
            self.refuse(InvalidHttp("The engine is no proxy."))
            return
        if self._is_handshake():
            self._hand_over(rest)
            return
        method = self.scope["method"].encode()
        head = [b"%s %s HTTP/%s\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._parse(b"".join([*head, b"\r\n"]))
        if rest:
            self._parse(rest)

    def _is_handshake(self) -> bool:
        """Whether this is the handshake of RFC 6455, and no request before it waits for its answer."""
        given: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            given.setdefault(name, []).append(value)
        return (
            self._running is None
            and self.scope["method"] == "GET"
            and self.parser.get_http_version() == "1.1"
            and [value.lower() for value in given[b"upgrade"]] == [b"websocket"]
            and given.get(b"sec-websocket-version") == [b"13"]
            and _is_key(given.get(b"sec-websocket-key", []))
            and given.get(b"content-length", [b"0"]) == [b"0"]
            and b"transfer-encoding" not in given
        )

    def _hand_over(self, rest: bytes) -> None:
        longest = max(len(name) + len(value) for name, value in [(b"GET HTTP/1.1", self.url), *self.headers])
        if longest > HANDSHAKE_LINE_BYTES:
            self.refuse(HeadersTooLarge())
            return
        early = rest + bytes(self._unread)
        self._unread.clear()
        self.headers[:] = [header for header in self.headers if header[0] != b"content-length"]
        self.handle_websocket_upgrade()
        if early:
            self.transport.get_protocol().data_received(early)  # type: ignore[attr-defined]

    # --- Refusals ---

    def refuse(self, refusal: Refusal) -> None:
        """Answer once the requests before it are answered, then close; what still comes is discarded."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = refusal
        self._unread.clear()
        if self.phase is Phase.BODY:
            self._give_up(self.cycle)
        if self._running is None:
            self._answer_refusal()

    def _give_up(self, cycle: RequestResponseCycle) -> None:
        """Never let the request be acted on whose body is cut short."""
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle is self._running:
            self._running = None
        elif self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()

    def _answer_refusal(self) -> None:
        assert self._refusal is not None
        self.since = self.loop.time()
        if not (self.phase is Phase.BODY and self.cycle.response_started):
            readers = self._settings.origins.headers(None, "")  # who asks is not certain
            response = Response.refusing(self._refusal, readers, close=True)
            headers = [*self.server_state.default_headers, *response.raw_headers]
            lines = [b"%s: %s\r\n" % header for header in headers]
            self.transport.write(
                b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])
            )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()


class _Joined:
    """The transport of one response: its head is written with its body's first part, in one packet.

    Each write is a call of the system, and what comes alone wakes the client twice.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Write, or keep the head until more is written."""
        if self._is_begun or not self._cycle.response_started:  # 100 Continue goes at once
            data, self._head = self._head + data, b""
            self._transport.write(data)
        else:
            self._is_begun, self._head = True, data

    def flush(self) -> None:
        """Write the head of a response that has no body."""
        self.write(b"")

    def is_closing(self) -> bool:
        """The transport's own."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the transport once all is written."""
        self.flush()
        self._transport.close()


class _Flow(FlowControl):
    """uvicorn's, which also holds back what has arrived already."""

    def __init__(self, protocol: HttpProtocol) -> None:
        super().__init__(protocol.transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if self.read_paused and self._protocol.has_unread:
            self.read_paused = False
            self._protocol.loop.call_soon(self._protocol.parse_unread)
        else:
            super().resume_reading()


def _is_key(values: list[bytes]) -> bool:
    """Whether this is one Sec-WebSocket-Key: 16 bytes in base64."""
    try:
        return len(values) == 1 and len(base64.b64decode(values[0], validate=True)) == 16
    except binascii.Error:
        return False
