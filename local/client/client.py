"""The client for programs without an event loop: the asynchronous one, on a loop in a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from functools import partial
from types import TracebackType
from typing import Any, TypeVar, Unpack

from anyio.from_thread import start_blocking_portal

from .async_client import AsyncEngineClient, CancelFilter, OrderFilter
from .wire import (
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

Result = TypeVar("Result")
Item = TypeVar("Item")


class EngineClient:
    """The engine at `url`; a context manager, whose methods are those of AsyncEngineClient.

    It may be used by several threads at once. Raises Unreachable if `url` is none.
    """

    def __init__(self, url: str, *, timeout_s: float = 35.0, api_key: str | None = None) -> None:
        self._client = AsyncEngineClient(url, timeout_s=timeout_s, api_key=api_key)
        with ExitStack() as parts:
            self._portal = parts.enter_context(start_blocking_portal())
            parts.callback(self._portal.call, self._client.aclose)
            self._parts = parts.pop_all()

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its connections and its thread."""
        self._parts.close()

    @property
    def url(self) -> str:
        """Where the engine is."""
        return self._client.url

    def submit(self, terms: Mapping[str, object], *, key: str | None = None) -> Submitted:
        """Submit an order: see AsyncEngineClient.submit."""
        return self._call(self._client.submit, terms, key=key)

    def batch(self, orders: Sequence[Mapping[str, object]]) -> list[Submitted | Error]:
        """Submit up to 100 orders: see AsyncEngineClient.batch."""
        return self._call(self._client.batch, orders)

    def cancel(self, order_id: str) -> Order:
        """Cancel an order: see AsyncEngineClient.cancel."""
        return self._call(self._client.cancel, order_id)

    def cancel_all(self, **only: Unpack[CancelFilter]) -> list[str]:
        """Cancel resting orders: see AsyncEngineClient.cancel_all."""
        return self._call(self._client.cancel_all, **only)

    def tokens(self) -> list[Token]:
        """The tokens that are traded."""
        return self._call(self._client.tokens)

    def order(self, order_id: str) -> OrderWithEvents:
        """An order with its events."""
        return self._call(self._client.order, order_id)

    def orders(
        self, *, limit: int | None = None, cursor: str | None = None, **only: Unpack[OrderFilter]
    ) -> Page:
        """One page of orders, newest first; `cursor` is the `next` of the page before."""
        return self._call(self._client.orders, limit=limit, cursor=cursor, **only)

    def all_orders(self, **only: Unpack[OrderFilter]) -> Iterator[Order]:
        """All orders, newest first, page by page as they are asked for."""
        return self._iterate(self._client.all_orders(**only))

    def quote(self, terms: Mapping[str, object]) -> VenueQuotes:
        """Every venue's quote for an order with these terms, which is not placed."""
        return self._call(self._client.quote, terms)

    def prices(
        self, token_in: str, token_out: str, *, every_ms: int | None = None, count: int | None = None
    ) -> Prices:
        """What a pair has cost at each venue: see AsyncEngineClient.prices."""
        return self._call(self._client.prices, token_in, token_out, every_ms=every_ms, count=count)

    def engine(self) -> Engine:
        """The engine at a glance; for administrators."""
        return self._call(self._client.engine)

    def dead_letters(self, limit: int | None = None) -> DeadLetterList:
        """Orders that failed for good; for administrators."""
        return self._call(self._client.dead_letters, limit)

    def redrive(self, order_ids: Sequence[str]) -> list[Redriven]:
        """Give failed orders a new set of attempts; for administrators."""
        return self._call(self._client.redrive, order_ids)

    def ticket(self, order_id: str | None = None) -> Ticket:
        """The address of a WebSocket for a browser: see AsyncEngineClient.ticket."""
        return self._call(self._client.ticket, order_id)

    def health(self) -> Health:
        """How the servers behind the engine are: see AsyncEngineClient.health."""
        return self._call(self._client.health)

    def follow(
        self, order_id: str, *, after: int = 0, websocket: str | None = None, patience_s: float = 30.0
    ) -> Iterator[Event]:
        """The order's events, to its last one: see AsyncEngineClient.follow."""
        return self._iterate(
            self._client.follow(order_id, after=after, websocket=websocket, patience_s=patience_s)
        )

    def _call(self, work: Callable[..., Awaitable[Result]], *arguments: Any, **named: Any) -> Result:
        return self._portal.call(partial(work, *arguments, **named))

    def _iterate(self, items: AsyncGenerator[Item, None]) -> Iterator[Item]:
        with self._portal.wrap_async_context_manager(aclosing(items)):
            while True:
                try:
                    yield self._portal.call(items.__anext__)
                except StopAsyncIteration:
                    return
