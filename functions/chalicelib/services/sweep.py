"""The sweep: queues again what cannot be in the queue, and leaves alone what waits there, however long.

An order's message is missing if the queue never acknowledged it, if the worker that had it is gone, or if
the queue proves it: it was seen empty, or much later orders were taken from it. Whoever takes a swept order
from the queue asks the chain about it first, so this is also how orders stuck in flight are reconciled.
Idempotency keys whose time is over are forgotten along the way.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from .ports import Overdue, Queue, Reason, Store


class Sweep:
    """`await sweep.run()`, one bounded pass; two at once are harmless, as each order is given out once."""

    def __init__(self, store: Store, queue: Queue, *, batch: int = 5000) -> None:
        self._store = store
        self._queue = queue
        self._batch = batch

    async def run(self) -> Counter[Reason]:
        """Queue again what cannot be in the queue; how many orders that were, by reason."""
        # The queue is asked before the orders are taken: what is sent meanwhile is due from now on only.
        queue_is_empty = await self._store.any_queued_overdue() and await self._queue.is_empty()
        overdue = await self._store.take_overdue(self._batch, queue_is_empty=queue_is_empty)
        await self._send(overdue)
        await self._store.forget_expired_keys()
        return Counter(order.reason for order in overdue)

    async def _send(self, overdue: list[Overdue]) -> None:
        """Queue them and note which the queue has; then raise what became of the others."""
        sends = await asyncio.gather(
            *(self._queue.send(order.order_id) for order in overdue), return_exceptions=True
        )
        failures = [send for send in sends if isinstance(send, BaseException)]
        sent = [
            order.order_id
            for order, send in zip(overdue, sends, strict=True)
            if not isinstance(send, BaseException)
        ]
        await self._store.acknowledge(sent)
        if failures:
            raise failures[0]
