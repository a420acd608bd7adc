"""Submitting an order: store it with its first event, announce the event, send the message.

An order that rests gets its message when it fires (`triggers.py`).

An idempotency key makes a second submit safe: it gets the first one's order. When the queue is unavailable
the order is withdrawn before the client gets the error. If it can't be withdrawn, or a second submit has
been given the order meanwhile, the order stays, the sweep queues it, and it is answered as accepted: after an
error, the client would submit it again.

The queue's acknowledgement is stored in the background, for the sweep; the client does not wait for it. A
process that may be frozen after its response awaits `settled()` first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..domain.account import Account
from ..domain.errors import (
    EngineError,
    OutcomeUnknown,
    QuoteExpired,
    TemporarilyUnavailable,
    TokenListed,
)
from ..domain.lifecycle import Status
from ..domain.order import Order
from ..domain.terms import OrderType, Terms
from ..ports import tracing
from ..ports.queue import Queue
from ..ports.store import NewOrder, Store
from .announcing import Announcer

log = logging.getLogger(__name__)

# Long enough that one statement acknowledges many orders, and skips those that have been claimed by then.
ACKNOWLEDGE_AFTER_S = 0.2


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit; `replayed` if its key already had an order."""

    order_id: str
    status: Status
    replayed: bool


class Submission:
    """Accepts orders; `new_id` makes each order's UUID."""

    def __init__(self, store: Store, queue: Queue, announcer: Announcer, new_id: Callable[[], str]) -> None:
        self._store = store
        self._queue = queue
        self._announcer = announcer
        self._new_id = new_id
        self._unacknowledged: list[str] = []  # queued, but not yet acknowledged in the store
        self._acknowledging: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def submit(
        self, account: Account, terms: Terms, *, client: str = "", key: str | None = None
    ) -> Submitted:
        """Accept the order.

        Raises TokenListed, IdempotencyConflict, LimitReached, QuoteExpired, TemporarilyUnavailable: nothing
        is stored; OutcomeUnknown: it may be.
        """
        with tracing.span("submit", account=account.id) as span:
            submitted = await self._submit(account, terms, client, key)
            span.set(order=submitted.order_id)
            return submitted

    async def _submit(self, account: Account, terms: Terms, client: str, key: str | None) -> Submitted:
        if terms.type is OrderType.SNIPER:
            await self._refuse_listed(account, terms, key)
        new = NewOrder(self._new_id(), terms, client, key, account)
        created = await (self._store.create(new) if not terms.quote_is_over else self._first(new))
        if isinstance(created, Order):
            return Submitted(created.id, created.status, replayed=True)
        self._announcer.announce(created, new)
        if not terms.rests:
            await self._enqueue(created.order_id, account)
        return Submitted(created.order_id, created.status, replayed=False)

    async def submit_all(
        self, account: Account, orders: Sequence[tuple[Terms, str | None]], *, client: str = ""
    ) -> list[Submitted | EngineError]:
        """Accept each of the orders (terms, key), or say why not, in their order.

        They are stored in one transaction and queued in batches, because calls that meet travel together.
        """
        results = await asyncio.gather(
            *(self.submit(account, terms, client=client, key=key) for terms, key in orders),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, EngineError):
                raise result
        return results  # type: ignore[return-value]

    async def settled(self) -> None:
        """Return once every acknowledgement is stored, or could not be."""
        while self._acknowledging is not None and not self._acknowledging.done():
            self._hurry.set()
            await asyncio.shield(self._acknowledging)

    async def _first(self, new: NewOrder) -> Order:
        """The order that the key has already, for which the quote was in time. Raises QuoteExpired."""
        first = await self._store.first(new)
        if first is None:
            raise QuoteExpired
        return first

    async def _refuse_listed(self, account: Account, terms: Terms, key: str | None) -> None:
        """Raise TokenListed if a sniper's token is traded by now, unless its key has an order.

        A client that submits again may do so because the pool has opened before the answer came.
        """
        if not await self._store.open_launches([terms.token_out.mint]):
            return
        if key is None or await self._store.order_of_key(key, account) is None:
            raise TokenListed(field="tokenOut")

    async def _enqueue(self, order_id: str, account: Account) -> None:
        try:
            await self._queue.send(order_id, account)
        except TemporarilyUnavailable:
            if await self._withdrawn(order_id):
                raise
            log.warning("order kept unqueued order=%s", order_id)
            return
        self._unacknowledged.append(order_id)
        if self._acknowledging is None or self._acknowledging.done():
            self._acknowledging = asyncio.create_task(self._acknowledge_soon(), name="acknowledge")

    async def _withdrawn(self, order_id: str) -> bool:
        """Withdraw the order; False if it stays stored. Raises OutcomeUnknown."""
        try:
            return await self._store.withdraw(order_id)  # False: a worker or another submit has it
        except OutcomeUnknown:
            raise
        except TemporarilyUnavailable:
            return False

    async def _acknowledge_soon(self) -> None:
        while self._unacknowledged:
            with suppress(TimeoutError):
                async with asyncio.timeout(ACKNOWLEDGE_AFTER_S):
                    await self._hurry.wait()
            await self._acknowledge()
        self._hurry.clear()

    async def _acknowledge(self) -> None:
        order_ids, self._unacknowledged = self._unacknowledged, []
        if not order_ids:
            return
        try:
            await self._store.acknowledge(order_ids)
        except TemporarilyUnavailable:  # the sweep queues them once more, unless they are claimed before
            log.warning("acknowledge failed orders=%d", len(order_ids))
