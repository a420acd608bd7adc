"""Taking an order: store it with its first event, queue it, ring the doorbell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..domain.errors import TemporarilyUnavailable
from ..domain.order import Event, Terms
from .ports import Events, Queue, Store

log = logging.getLogger(__name__)


class Submission:
    """Takes orders; `new_id` gives each its UUID."""

    def __init__(self, store: Store, queue: Queue, events: Events, new_id: Callable[[], str]) -> None:
        self._store = store
        self._queue = queue
        self._events = events
        self._new_id = new_id

    async def submit(self, terms: Terms) -> Event:
        """The order's first event. Raises TemporarilyUnavailable, and then nothing is stored."""
        event = await self._store.create(self._new_id(), terms)
        await asyncio.gather(self._enqueue(event.order_id), self._events.publish(event))
        return event

    async def _enqueue(self, order_id: str) -> None:
        try:
            await self._queue.send(order_id)
        except TemporarilyUnavailable as error:  # it is committed: the sweep will queue it
            log.warning("order %s is not queued yet: %s", order_id, error)
