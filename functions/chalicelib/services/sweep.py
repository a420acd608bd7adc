"""The sweep: queues again what cannot be in the queue, and leaves alone what waits there, however long.

An order's message is missing if the queue never acknowledged it, if the worker that had it is gone, or if
the queue proves it: much later orders were taken from it, or it was drained and still no worker has claimed
the order. Whoever takes a swept order from the queue asks the chain about it first, so this is also how
orders stuck in flight are reconciled.
Idempotency keys whose time is over are forgotten along the way.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter

from ..ports.queue import Queue
from ..ports.store import Overdue, Reason, Store

CLAIMED_WITHIN_S = 1.0  # a worker claims what it has received within this, unless it is gone


class Sweep:
    """`await sweep.run()`, one bounded pass; two at once are harmless, as each order is given out once."""

    def __init__(
        self, store: Store, queue: Queue, *, batch: int = 5000, claimed_within_s: float = CLAIMED_WITHIN_S
    ) -> None:
        self._store = store
        self._queue = queue
        self._batch = batch
        self._claimed_within_s = claimed_within_s

    async def run(self) -> Counter[Reason]:
        """Queue again what cannot be in the queue; how many orders that were, by reason."""
        overdue = await self._store.take_overdue(self._batch, drained_for_ms=await self._drained_for_ms())
        await self._send(overdue)
        await self._store.forget_expired_keys()
        return Counter(order.reason for order in overdue)

    async def _drained_for_ms(self) -> int | None:
        """How long ago the queue was seen drained; None if messages wait in it, or no order waits for long.

        What waited in the queue until just before is with a worker that has not claimed it yet, so that one
        is given the time to.
        """
        looked_at = asyncio.get_running_loop().time()
        if not (await self._store.any_queued_overdue() and await self._queue.is_drained()):
            return None
        await asyncio.sleep(self._claimed_within_s)
        return math.ceil(1000 * (asyncio.get_running_loop().time() - looked_at))

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
