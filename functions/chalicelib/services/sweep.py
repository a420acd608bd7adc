"""The sweep: queues orders again that cannot be in the queue. Orders that wait in it are left, however long.

An order is not in the queue if the queue never acknowledged it, if the worker that received it is lost, or if
the queue proves it: much later orders of its account have been received from it, or it was drained and no
worker has claimed the order since. A worker that claims a swept order reads its transaction's status first,
so the sweep is also what reconciles orders that a lost worker left in flight. Each pass also deletes expired
idempotency keys.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter

from ..ports import tracing
from ..ports.queue import Queue
from ..ports.store import Overdue, Reason, Store

CLAIMED_WITHIN_S = 1.0  # at most, from receiving a message to its claim


class Sweep:
    """`await sweep.run()`: one bounded pass. Concurrent passes are harmless: each order is taken once."""

    def __init__(
        self, store: Store, queue: Queue, *, batch: int = 5000, claimed_within_s: float = CLAIMED_WITHIN_S
    ) -> None:
        self._store = store
        self._queue = queue
        self._batch = batch
        self._claimed_within_s = claimed_within_s

    async def run(self) -> Counter[Reason]:
        """Queue the overdue orders that cannot be in the queue; their number by reason."""
        overdue = await self._store.take_overdue(self._batch, drained_for_ms=await self._drained_for_ms())
        if overdue:
            with tracing.span("sweep", "", entry=True, orders=len(overdue)):
                await self._send(overdue)
        await self._store.forget_expired_keys()
        return Counter(order.reason for order in overdue)

    async def _drained_for_ms(self) -> int | None:
        """How long ago the queue was seen drained; None if it is not, or no queued order is overdue.

        A message that left the queue just before may be with a worker that has not claimed its order yet, so
        this waits for as long as a claim may take.
        """
        checked_at = asyncio.get_running_loop().time()
        if not (await self._store.any_queued_overdue() and await self._queue.is_drained()):
            return None
        await asyncio.sleep(self._claimed_within_s)
        return math.ceil(1000 * (asyncio.get_running_loop().time() - checked_at))

    async def _send(self, overdue: list[Overdue]) -> None:
        """Queue the orders and acknowledge those that were sent; then raise the first failure, if any."""
        sends = await asyncio.gather(
            *(self._queue.send(order.order_id, order.account) for order in overdue), return_exceptions=True
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
