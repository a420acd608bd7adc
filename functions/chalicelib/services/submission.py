"""Taking an order: store it with its first event, queue it, ring the doorbell.

A key makes it safe to submit again: the second submit gets the first one's order. When the queue is away the
order is withdrawn before the client is told to try again; if that can't be done, or comes too late because a
second submit was given the order meanwhile, the sweep will queue it.

That the queue has acknowledged the order is noted in the background, for the sweep: the client does not wait
for it. A process that may stand still after its answer awaits `settled()` first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..domain.errors import TemporarilyUnavailable
from ..domain.lifecycle import Status
from ..domain.order import Order, Terms
from ..ports.live import Events
from ..ports.queue import Queue
from ..ports.store import NewOrder, Store

log = logging.getLogger(__name__)

ACKNOWLEDGE_AFTER_S = (
    0.2  # so that one statement notes many, and nothing is written of what is claimed by then
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submit; `replayed` if its key had an order already."""

    order_id: str
    status: Status
    replayed: bool

    def to_wire(self, websocket: str) -> dict[str, object]:
        """The answer to a submit; `websocket` is where to follow the order."""
        return {"orderId": self.order_id, "status": self.status, "websocket": websocket}


class Submission:
    """Takes orders; `new_id` gives each its UUID."""

    def __init__(self, store: Store, queue: Queue, events: Events, new_id: Callable[[], str]) -> None:
        self._store = store
        self._queue = queue
        self._events = events
        self._new_id = new_id
        self._unacknowledged: list[str] = []  # in the queue, which the store does not know yet
        self._acknowledging: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def submit(self, terms: Terms, *, client: str = "", key: str | None = None) -> Submitted:
        """Take the order. Raises IdempotencyConflict, LimitReached, TemporarilyUnavailable."""
        created = await self._store.create(NewOrder(self._new_id(), terms, client, key))
        if isinstance(created, Order):
            return Submitted(created.id, created.status, replayed=True)
        self._events.publish(created)
        await self._enqueue(created.order_id)
        return Submitted(created.order_id, created.status, replayed=False)

    async def settled(self) -> None:
        """Return once the store knows of every acknowledgement, or could not be given it."""
        while self._acknowledging is not None and not self._acknowledging.done():
            self._hurry.set()
            await asyncio.shield(self._acknowledging)

    async def _enqueue(self, order_id: str) -> None:
        try:
            await self._queue.send(order_id)
        except TemporarilyUnavailable:
            if await self._store.withdraw(order_id):
                raise
            log.warning("order %s is known to a worker or to another submit, and stays", order_id)
            return
        self._unacknowledged.append(order_id)
        if self._acknowledging is None or self._acknowledging.done():
            self._acknowledging = asyncio.create_task(self._acknowledge_soon(), name="acknowledge")

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
        except TemporarilyUnavailable:  # then the sweep queues them once more, unless they are claimed before
            log.warning("%d orders are queued, which could not be noted", len(order_ids))
