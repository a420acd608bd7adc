"""The client library: the engine's API for programs in Python, and for the command line.

HTTP to submit and to ask, a WebSocket for the events of an order. Both survive a broken connection:

submit    has an idempotency key, and is sent again under it until its answer comes; so it is placed once
follow    connects again, and asks for the events after the last one that it has received
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx
import websockets
from chalicelib.api.wire.codes import status_of
from chalicelib.domain.lifecycle import TERMINAL, Status
from websockets.asyncio.client import ClientConnection

from ..errors import ClientError, OutcomeUnknown, Refused, Unreachable

__all__ = [
    "SUBMIT_PATH",
    "ClientError",
    "EngineClient",
    "OutcomeUnknown",
    "Refused",
    "Unreachable",
    "Wire",
    "new_key",
]

Wire = dict[str, Any]

SUBMIT_PATH = "/api/orders/execute"
SUBMIT_TRIES = 4
BUSY = (429, 503)
SILENT_FOR_S = 10.0  # then the engine is sent a ping
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class EngineClient:
    """The engine at `url`; an async context manager. Every method raises Unreachable and Refused."""

    def __init__(self, url: str, *, timeout_s: float = 35.0) -> None:
        self.url = url.rstrip("/")
        self._direct = _host(url) in LOOPBACK  # a proxy can't reach our own machine
        timeout = httpx.Timeout(timeout_s, connect=5.0)
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, trust_env=not self._direct)

    async def __aenter__(self) -> EngineClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def submit(self, terms: Mapping[str, object], *, key: str | None = None) -> Wire:
        """Submit an order with the wire's fields as its terms: `{orderId, status, websocket}`.

        It is sent under `key`, or one of its own, and again while the answer does not come. Raises
        OutcomeUnknown if it never does: then the order may have been placed. Any other error says that it
        was not.
        """
        key = key or new_key()
        order = {**terms, "clientOrderId": key}
        lost: Exception | None = None  # why the answer to an earlier try did not come
        for tries_left in reversed(range(SUBMIT_TRIES)):
            try:
                return await self._ask("POST", SUBMIT_PATH, json=order)
            except ClientError as error:
                if _may_have_acted(error):
                    lost = error
                elif lost is None or _is_final(error):
                    raise
            if tries_left:
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (SUBMIT_TRIES - tries_left))
        assert lost is not None
        cause = lost.__cause__ or lost
        reason = str(cause) or type(cause).__name__
        raise OutcomeUnknown(self.url, key, reason) from lost

    async def order(self, order_id: str) -> Wire:
        """An order with its `events`."""
        answer = await self._ask("GET", f"/api/orders/{quote(order_id, safe='')}")
        if "orderId" not in answer:  # an id like "" or "." leads to another path
            raise Refused(400, {"error": "That is no order's id.", "code": "INVALID_ORDER_ID"})
        return answer

    async def orders(
        self, limit: int | None = None, status: str | None = None, cursor: str | None = None
    ) -> Wire:
        """One page of orders, newest first: `{orders, next}`."""
        asked = {"limit": limit, "status": status, "cursor": cursor}
        return await self._ask("GET", "/api/orders", params=_given(asked))

    async def quote(self, terms: Mapping[str, object]) -> Wire:
        """Every venue's quote for an order with these terms, which is not placed."""
        return await self._ask("GET", "/api/quote", params=_given(terms))

    async def health(self) -> Wire:
        """`{status, database, redis, queue, timestamp}`; Refused with the same answer when degraded."""
        return await self._ask("GET", "/health")

    async def follow(
        self, order_id: str, *, after: int = 0, websocket: str | None = None, patience_s: float = 30.0
    ) -> AsyncIterator[Wire]:
        """The order's events after the `after`-th, as they come, to its last one.

        Nothing is left out or put in order here: what the engine sent is what is yielded. `websocket` is what
        the submit answered; without it the engine is asked. Raises Unreachable when a connection that broke
        could not be made again for `patience_s`.
        """
        address = websocket or (await self.order(order_id))["websocket"]
        loop = asyncio.get_running_loop()
        last_sign_s, pause_s = loop.time(), FIRST_PAUSE_S
        while True:
            try:
                async with self.socket(address, after=after) as socket:
                    last_sign_s, pause_s = loop.time(), FIRST_PAUSE_S
                    async for event in _events_of(socket):
                        last_sign_s = loop.time()
                        if event is None:
                            continue
                        after = event["seq"]
                        yield event
                        if event["status"] in TERMINAL and await self._is_last(event):
                            return
            except (Unreachable, websockets.ConnectionClosed) as error:
                if loop.time() - last_sign_s > patience_s:
                    raise Unreachable(f"The connection to {self.url} broke and is not back.") from error
            except Refused as refusal:
                if refusal.status not in BUSY or loop.time() - last_sign_s > patience_s:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _is_last(self, event: Wire) -> bool:
        """Whether this is the last event: `failed` is not if the order was redriven."""
        if event["status"] == Status.CONFIRMED:
            return True
        try:
            order = await self.order(event["orderId"])
        except ClientError:
            return True
        return bool(order["events"][-1]["seq"] == event["seq"])

    @asynccontextmanager
    async def socket(
        self, address: str = SUBMIT_PATH, **parameters: object
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket to the engine, at an address that it gave or at its own, with further parameters."""
        try:
            socket = await websockets.connect(
                self._socket_url(address, parameters), proxy=None if self._direct else True
            )
        except websockets.InvalidStatus as refusal:
            raise _refusal_of(refusal.response.status_code, refusal.response.body or b"") from None
        except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
            raise self._unreachable(error) from error
        async with socket:
            yield socket

    def _socket_url(self, address: str, parameters: Mapping[str, object]) -> str:
        below = address.lstrip("/") if not urlsplit(address).netloc else address  # of the path that we have
        url = urlsplit(urljoin(f"{self.url}/", below))
        query = "&".join(part for part in (url.query, urlencode(parameters)) if part)
        scheme = {"http": "ws", "https": "wss"}.get(url.scheme, url.scheme)
        return url._replace(scheme=scheme, query=query).geturl()

    async def _ask(self, method: str, path: str, **rest: Any) -> Wire:
        try:
            response = await self._http.request(method, path, **rest)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        answer = _parse_object(response.content)
        if answer is not None and response.is_success:
            return answer
        raise _refusal_of(response.status_code, response.content)

    def _unreachable(self, error: Exception) -> Unreachable:
        why = (
            "" if isinstance(error, (OSError, httpx.ConnectError)) else f" ({error or type(error).__name__})"
        )
        sent = not isinstance(error, (OSError, httpx.ConnectError, httpx.ConnectTimeout))
        return Unreachable(f"No engine answers at {self.url}{why}.", sent=sent)


def new_key() -> str:
    """An idempotency key that no other submit has."""
    return str(uuid.uuid4())


def _may_have_acted(error: ClientError) -> bool:
    """Whether a request that ended so may have been carried out all the same."""
    match error:
        case Unreachable(sent=sent):
            return sent
        case Refused(status=503, code="TEMPORARILY_UNAVAILABLE"):  # which says that nothing is stored
            return False
        case Refused(status=status):
            return status >= 500
    return False


def _is_final(error: ClientError) -> bool:
    """Whether an engine that refuses a request so would have refused it at any other time."""
    return isinstance(error, Refused) and error.status < 500 and error.status not in BUSY


def _host(url: str) -> str:
    """The host of an engine's URL. Raises Unreachable if it is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:
        pass  # no number for a port, or an address that is never closed
    raise Unreachable(f"{url!r} is not the URL of an engine, which is like http://127.0.0.1:3000.")


def _given(parameters: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items() if value is not None}


async def _events_of(socket: ClientConnection) -> AsyncIterator[Wire | None]:
    """The events that come; None for a sign of life. Raises ConnectionClosed, Refused.

    An engine that is silent is sent a ping: it closes a connection that it has lost track of.
    """
    while True:
        try:
            async with asyncio.timeout(SILENT_FOR_S):
                text = await socket.recv()
        except TimeoutError:
            await socket.send(json.dumps({"action": "ping"}))
        else:
            yield None if _parse_object(text) == {"action": "pong"} else _event(text)


def _event(text: str | bytes) -> Wire:
    event = _parse_object(text)
    if event is None or "seq" not in event:
        status = status_of(str(event["code"])) if event and "code" in event else 0
        raise Refused(status, event or {"error": f"The engine sent what is no event: {text[:200]!r}"})
    return event


def _parse_object(body: str | bytes | bytearray) -> Wire | None:
    """The JSON object that `body` is, or None."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refusal_of(status: int, body: bytes | bytearray) -> ClientError:
    """The error for an answer that is no success: Refused, or Unreachable if no engine gave it."""
    answer = _parse_object(body)
    if answer is None:
        said = f"What answers there is not an order engine: it said {status}."
        return Unreachable(said, sent=status >= 500)  # as a proxy does that waited for the engine in vain
    return Refused(status, answer)
