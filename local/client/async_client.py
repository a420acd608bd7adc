"""The asynchronous client: HTTP to submit, cancel and ask, a WebSocket for the events of an order.

Both survive a broken connection:

submit, batch    have idempotency keys, and are sent again under them until the answer comes; so each order is
                 placed once
cancel           is sent again until its answer comes: to cancel an order twice is the same as once
follow           connects again, and asks for the events after the last one that it has yielded
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, TypedDict, Unpack, cast
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import websockets
from websockets.asyncio.client import ClientConnection

from .errors import ClientError, OutcomeUnknown, Refused, Unreachable
from .http import Http, NoAnswer
from .wire import (
    STATUS_OF_CODE,
    TERMINAL,
    DeadLetterList,
    Engine,
    Error,
    Event,
    Health,
    Order,
    OrderWithEvents,
    Page,
    Prices,
    Redriven,
    Submitted,
    Ticket,
    Token,
    VenueQuotes,
)

Json = dict[str, Any]

SUBMIT_PATH = "/api/orders/execute"
BATCH_PATH = "/api/orders/batch"
TRIES = 4  # of a request that may be sent again
BUSY = (429, 503)
MOST_GAPS = 3  # in a row, in the events of an order
SILENT_FOR_S = 10.0  # then the engine is sent a ping
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CancelFilter(TypedDict, total=False):
    """Which resting orders are meant: those that sell and buy these tokens, and of this type."""

    token_in: str | None
    token_out: str | None
    type: str | None


class OrderFilter(TypedDict, total=False):
    """Which orders are meant: of one or several statuses and types, of these tokens, and of this time.

    `since` and `until` are of RFC 3339; an order that was submitted at `until` is left out.
    """

    status: str | Collection[str] | None
    type: str | Collection[str] | None
    token_in: str | None
    token_out: str | None
    since: str | None
    until: str | None


NAMES = {"token_in": "tokenIn", "token_out": "tokenOut", "since": "from", "until": "to"}
"""The parameter of a filter's field, where it has another name."""


class AsyncEngineClient:
    """The engine at `url`; an async context manager. Every method raises Unreachable and Refused.

    `api_key` is for an engine that takes keys; without it, that in the environment's ENGINE_API_KEY.
    `local_address` is the one of this machine's that requests come from, where it has several.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 35.0,
        api_key: str | None = None,
        local_address: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        key = os.environ.get("ENGINE_API_KEY", "") if api_key is None else api_key
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._direct = _host(url) in LOOPBACK  # a proxy can't reach our own machine
        self._http = Http(
            self.url,
            headers=self._headers,
            timeout_s=timeout_s,
            uses_proxy=not self._direct,
            local_address=local_address,
        )

    async def __aenter__(self) -> AsyncEngineClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End its connections."""
        await self._http.close()

    async def submit(self, terms: Mapping[str, object], *, key: str | None = None) -> Submitted:
        """Submit an order with the wire's fields as its terms: `{orderId, status, websocket}`.

        `type` `limit` with a `limitPrice`, `stop` with a `stopPrice`, or `sniper` with a `maxPrice`, makes it
        rest until its price is there: its status is `open`. It is sent under `key`, or one of its own, and
        again while the answer does not come. Raises OutcomeUnknown if it never does: then the order may have
        been placed. Any other error says that it was not.
        """
        key = key or new_key()
        try:
            return cast(
                Submitted,
                await self._ask_again("POST", SUBMIT_PATH, json_body={**terms, "clientOrderId": key}),
            )
        except _Lost as lost:
            raise OutcomeUnknown(self.url, key, lost.reason) from lost.error

    async def batch(self, orders: Sequence[Mapping[str, object]]) -> list[Submitted | Error]:
        """Submit up to 100 orders at once; for each, in their order, a submit's answer or `{error, code}`.

        Each is placed under its `clientOrderId`, or a key of its own, and all are sent again while the answer
        does not come. Raises OutcomeUnknown, whose `key` is all keys, separated by commas, if it never does.
        """
        keyed = [{"clientOrderId": new_key(), **order} for order in orders]
        try:
            found = await self._ask_again("POST", BATCH_PATH, json_body={"orders": keyed})
        except _Lost as lost:
            keys = ",".join(str(order["clientOrderId"]) for order in keyed)
            raise OutcomeUnknown(self.url, keys, lost.reason) from lost.error
        results: list[Submitted | Error] = found["results"]
        return results

    async def cancel(self, order_id: str) -> Order:
        """Cancel an order that no worker has taken; the order, which is cancelled.

        Raises Refused with the code NOT_CANCELLABLE, and the order's `status` in its answer, once it is too
        late.
        """
        if quote(order_id, safe="") in ("", ".", ".."):  # which is the path of cancel_all
            raise _no_order_id()
        return cast(Order, await self._delete(_order_path(order_id)))

    async def cancel_all(self, **only: Unpack[CancelFilter]) -> list[str]:
        """Cancel this client's resting orders: of these tokens and this type, where given.

        Their ids, but for those that an answer named which did not come.
        """
        asked = _parameters(only)
        cancelled: list[str] = []
        while True:  # an answer has a limited number of them
            some = (await self._delete("/api/orders", params=asked))["cancelled"]
            if not some:
                return cancelled
            cancelled += some

    async def tokens(self) -> list[Token]:
        """The tokens that are traded: `{symbol, mint, decimals, tradable}`; `openedAt` of launched ones."""
        found: list[Token] = (await self._ask("GET", "/api/tokens"))["tokens"]
        return found

    async def order(self, order_id: str) -> OrderWithEvents:
        """An order with its `events`."""
        answer = await self._ask("GET", _order_path(order_id))
        if "orderId" not in answer:  # an id like "" or "." leads to another path
            raise _no_order_id()
        return cast(OrderWithEvents, answer)

    async def orders(
        self, *, limit: int | None = None, cursor: str | None = None, **only: Unpack[OrderFilter]
    ) -> Page:
        """One page of orders, newest first; `cursor` is the `next` of the page before."""
        asked = _given({"limit": limit, "cursor": cursor}) | _parameters(only)
        return cast(Page, await self._ask("GET", "/api/orders", params=asked))

    async def all_orders(self, **only: Unpack[OrderFilter]) -> AsyncGenerator[Order, None]:
        """All orders, newest first, page by page as they are asked for."""
        cursor: str | None = None
        while True:
            page = await self.orders(cursor=cursor, **only)
            for order in page["orders"]:
                yield order
            cursor = page["next"]
            if cursor is None:
                return

    async def quote(self, terms: Mapping[str, object]) -> VenueQuotes:
        """Every venue's quote for an order with these terms, which is not placed."""
        asked = {name: _several(value) if isinstance(value, list) else value for name, value in terms.items()}
        return cast(VenueQuotes, await self._ask("GET", "/api/quote", params=_given(asked)))

    async def prices(
        self, token_in: str, token_out: str, *, every_ms: int | None = None, count: int | None = None
    ) -> Prices:
        """What a pair has cost at each venue, at the last `count` instants that are `every_ms` apart."""
        asked = {"tokenIn": token_in, "tokenOut": token_out, "everyMs": every_ms, "count": count}
        return cast(Prices, await self._ask("GET", "/api/prices", params=_given(asked)))

    async def engine(self) -> Engine:
        """The engine at a glance; for administrators."""
        return cast(Engine, await self._ask("GET", "/api/engine"))

    async def dead_letters(self, limit: int | None = None) -> DeadLetterList:
        """Orders that failed for good, and messages without an order: `{deadLetters, total}`.

        For administrators.
        """
        asked = _given({"limit": limit})
        return cast(DeadLetterList, await self._ask("GET", "/api/dead-letters", params=asked))

    async def redrive(self, order_ids: Sequence[str]) -> list[Redriven]:
        """Give failed orders a new set of attempts; for each whether it has one. For administrators.

        It is sent again while the answer does not come: an order is redriven only while it is failed.
        """
        try:
            found = await self._ask_again(
                "POST", "/api/dead-letters/redrive", json_body={"orderIds": [*order_ids]}
            )
        except _Lost as lost:
            raise lost.error from lost.error.__cause__
        results: list[Redriven] = found["results"]
        return results

    async def ticket(self, order_id: str | None = None) -> Ticket:
        """The address of a WebSocket for a browser, which can send no key: of one order, or of all.

        It opens one connection, and soon. An engine that takes no keys has none, and refuses.
        """
        asked = {} if order_id is None else {"orderId": order_id}
        return cast(Ticket, await self._ask("POST", "/api/tickets", json_body=asked))

    async def health(self) -> Health:
        """How the servers behind the engine are; Refused with the same answer when it is degraded.

        An engine that takes keys tells its `status` alone to who is no administrator.
        """
        return cast(Health, await self._ask("GET", "/health"))

    async def follow(
        self, order_id: str, *, after: int = 0, websocket: str | None = None, patience_s: float = 30.0
    ) -> AsyncGenerator[Event, None]:
        """The order's events after the `after`-th, as they come, to its last one; each once, in order.

        An order that rests (`open`) is waited for, however long that is. `websocket` is what the submit
        answered; without it the engine is asked. Raises Unreachable when a connection that broke could not be
        made again for `patience_s`.
        """
        address = websocket or (await self.order(order_id))["websocket"]
        loop = asyncio.get_running_loop()
        last_sign_s, pause_s, gaps = loop.time(), FIRST_PAUSE_S, 0
        while True:
            try:
                async with self.socket(address, after=after) as socket:
                    last_sign_s, pause_s = loop.time(), FIRST_PAUSE_S
                    async for event in _events_of(socket):
                        last_sign_s = loop.time()
                        if event is None or event["seq"] <= after:
                            continue
                        if event["seq"] > after + 1:  # the engine has those between: they are asked for again
                            gaps += 1
                            break
                        after, gaps = event["seq"], 0
                        yield event
                        if event["status"] in TERMINAL and await self._is_last(event):
                            return
            except (Unreachable, websockets.ConnectionClosed) as error:
                if loop.time() - last_sign_s > patience_s:
                    raise Unreachable(f"The connection to {self.url} broke and is not back.") from error
            except Refused as refusal:
                if refusal.status not in BUSY or loop.time() - last_sign_s > patience_s:
                    raise
            if gaps > MOST_GAPS:
                raise Unreachable(f"{self.url} leaves out the event after {after} of order {order_id}.")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _is_last(self, event: Event) -> bool:
        """Whether this terminal event is the last: `failed` is not if the order was redriven."""
        if event["status"] != "failed":
            return True
        try:
            order = await self.order(event["orderId"])
        except ClientError:
            return True
        return order["events"][-1]["seq"] == event["seq"]

    @asynccontextmanager
    async def socket(
        self, address: str = SUBMIT_PATH, **parameters: object
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket to the engine, at an address that it gave or at its own, with further parameters."""
        try:
            socket = await websockets.connect(
                self._socket_url(address, parameters),
                additional_headers=self._headers,
                proxy=None if self._direct else True,
            )
        except websockets.InvalidStatus as refusal:
            raise _refusal_of(refusal.response.status_code, refusal.response.body or b"") from None
        except OSError as error:
            raise self._unreachable("", sent=False) from error
        except websockets.InvalidHandshake as error:
            raise self._unreachable(str(error) or type(error).__name__, sent=True) from error
        async with socket:
            yield socket

    def _socket_url(self, address: str, parameters: Mapping[str, object]) -> str:
        below = address.lstrip("/") if not urlsplit(address).netloc else address  # of the path that we have
        url = urlsplit(urljoin(f"{self.url}/", below))
        given: dict[str, object] = dict(parse_qsl(url.query, keep_blank_values=True))
        if self._headers:
            given.pop("ticket", None)  # it counts once, and a connection that broke is made again
        query = urlencode({**given, **parameters})
        scheme = {"http": "ws", "https": "wss"}.get(url.scheme, url.scheme)
        return url._replace(scheme=scheme, query=query).geturl()

    async def _delete(self, path: str, **rest: Any) -> Json:
        try:
            return await self._ask_again("DELETE", path, **rest)
        except _Lost as lost:
            raise lost.error from lost.error.__cause__

    async def _ask_again(self, method: str, path: str, **rest: Any) -> Json:
        """The answer to a request that may be carried out twice; sent again while its answer does not come.

        Raises _Lost if it never does; any other error says that nothing was done.
        """
        lost: ClientError | None = None  # why the answer to an earlier try did not come
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._ask(method, path, **rest)
            except ClientError as error:
                if _may_have_acted(error):
                    lost = error
                elif lost is None or _is_final(error):
                    raise
            if tries_left:
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (TRIES - tries_left))
        assert lost is not None
        raise _Lost(lost)

    async def _ask(self, method: str, path: str, **rest: Any) -> Json:
        try:
            answer = await self._http.request(method, path, **rest)
        except NoAnswer as error:
            raise self._unreachable(str(error), sent=error.sent) from error
        found = _parse_object(answer.body)
        if found is not None and answer.status // 100 == 2:
            return found
        raise _refusal_of(answer.status, answer.body)

    def _unreachable(self, reason: str, *, sent: bool) -> Unreachable:
        why = f" ({reason})" if reason else ""
        return Unreachable(f"No engine answers at {self.url}{why}.", sent=sent)


class _Lost(Exception):
    """The answer to a request never came; `error` says why it did not come the last time."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def reason(self) -> str:
        """The cause, in a few words."""
        cause = self.error.__cause__ or self.error
        return str(cause) or type(cause).__name__


def new_key() -> str:
    """An idempotency key that no other submit has."""
    return str(uuid.uuid4())


def _order_path(order_id: str) -> str:
    return f"/api/orders/{quote(order_id, safe='')}"


def _no_order_id() -> Refused:
    return Refused(400, {"error": "That is no order's id.", "code": "INVALID_ORDER_ID"})


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


def _several(values: str | Collection[str] | None) -> str | None:
    return values if isinstance(values, str) else ",".join(values or ()) or None


def _parameters(only: Mapping[str, Any]) -> dict[str, str]:
    """A filter as parameters of a query."""
    return _given({NAMES.get(name, name): _several(value) for name, value in only.items()})


def _given(parameters: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items() if value is not None}


async def _events_of(socket: ClientConnection) -> AsyncIterator[Event | None]:
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


def _event(text: str | bytes) -> Event:
    event = _parse_object(text)
    if event is None or "seq" not in event:
        status = STATUS_OF_CODE.get(str(event["code"]), 500) if event and "code" in event else 0
        raise Refused(status, event or {"error": f"The engine sent what is no event: {text[:200]!r}"})
    return cast(Event, event)


def _parse_object(body: str | bytes | bytearray) -> Json | None:
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
