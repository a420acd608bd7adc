"""Live events on Redis pub/sub: one channel an order, published in the background and in order.

Events published while a batch is being sent go into the next one, so no transition waits for Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from ...domain.errors import TemporarilyUnavailable
from ...domain.events import Event
from ...ports.live import EventMessage
from .pool import available, calls

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500  # events in a pipeline


def channel(order_id: str) -> str:
    """The Redis channel of an order's events."""
    return f"order:{order_id}"


class RedisEvents:
    """`ports.live.Events`; `render` gives an event as the message to publish."""

    def __init__(self, redis: Redis, render: Callable[[Event], EventMessage]) -> None:
        self._render = render
        self._redis = redis
        self._call = calls(redis)
        self._waiting: list[Event] = []
        self._publishing: asyncio.Task[None] | None = None

    def publish(self, event: Event) -> None:
        self._waiting.append(event)
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish_waiting(), name="publish")

    async def settled(self) -> None:
        while self._publishing is not None:
            await asyncio.shield(self._publishing)

    async def check(self) -> None:
        await available(self._redis.ping)

    async def _publish_waiting(self) -> None:
        try:
            await asyncio.sleep(0)  # the order's next statement goes first: Postgres works on it meanwhile
            while self._waiting:
                events, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                try:
                    await self._send(events)
                except TemporarilyUnavailable as error:  # subscribers read these from the store
                    log.warning("events: cannot publish count=%d error=%r", len(events), error)
        finally:
            self._publishing = None

    async def _send(self, events: Sequence[Event]) -> None:
        await asyncio.gather(
            *(self._call("PUBLISH", channel(event.order_id), self._render(event).text) for event in events)
        )
