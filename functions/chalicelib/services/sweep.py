"""The sweep: queues again what was committed and never queued, and what a lost worker left behind.

Whoever takes such an order from the queue asks the chain about it first, so this is also how orders stuck in
flight are reconciled. Idempotency keys whose time is over are forgotten along the way.
"""

from __future__ import annotations

import asyncio

from .ports import Queue, Store


class Sweep:
    """`await sweep.run()`; two at once are harmless, as each order is given out once."""

    def __init__(self, store: Store, queue: Queue, *, batch: int = 500) -> None:
        self._store = store
        self._queue = queue
        self._batch = batch

    async def run(self) -> int:
        """Queue every order that is overdue; how many there were."""
        swept = 0
        while True:
            order_ids = await self._store.take_overdue(self._batch)
            await asyncio.gather(*(self._queue.send(order_id) for order_id in order_ids))
            swept += len(order_ids)
            if len(order_ids) < self._batch:
                break
        await self._store.forget_expired_keys()
        return swept
