"""Live events on Redis pub/sub: one channel an order, published in the background and in order.

Events published while a batch is being sent go into the next one, so no transition waits for Redis. While
Redis is unavailable they are dropped: subscribers read them from the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis.asyncio import Redis

from ...domain.errors import TemporarilyUnavailable
from ...domain.events import Event
from ...ports import tracing
from ...ports.live import EventMessage
from .pool import calls

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500  # events in a pipeline
MOST_WAITING = 10_000  # events that wait for a batch under way; those after them are dropped
SETTLE_S = 0.1  # how long an invocation waits for Redis at its end


def channel(order_id: str) -> str:
    """The Redis channel of an order's events."""
    return f"order:{order_id}"


class RedisEvents:
    """`ports.live.Events`; `render` gives an event as the message to publish."""

    def __init__(self, redis: Redis, render: Callable[[Event], EventMessage]) -> None:
        self._render = render
        self._call = calls(redis)
        self._waiting: list[tuple[Event, str]] = []  # each with the context it was published in
        self._publishing: asyncio.Task[None] | None = None
        self._is_unavailable = False
        self._dropped = 0  # events while it is

    def publish(self, event: Event) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((event, tracing.traceparent()))
        else:
            self._dropped += 1
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish_waiting(), name="publish")

    async def settled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while self._publishing is not None:
                    await asyncio.shield(self._publishing)

    async def check(self) -> None:
        await self._call.check()

    async def _publish_waiting(self) -> None:
        try:
            await asyncio.sleep(0)  # the order's next statement goes first: Postgres works on it meanwhile
            while self._waiting:
                events, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                try:
                    await self._send(events)
                except TemporarilyUnavailable as error:
                    self._dropped += len(events)
                    if not self._is_unavailable:
                        log.warning("events: cannot publish, subscribers read the store error=%r", error)
                    self._is_unavailable = True
                else:
                    if self._is_unavailable:
                        log.warning("events: publishing again dropped=%d", self._dropped)
                    self._is_unavailable, self._dropped = False, 0
        finally:
            self._publishing = None

    async def _send(self, events: Sequence[tuple[Event, str]]) -> None:
        if tracing.is_on():
            await asyncio.gather(*(self._publish_traced(event, parent) for event, parent in events))
        else:
            await self._call.all(
                [("PUBLISH", channel(event.order_id), self._render(event).text) for event, _ in events]
            )

    async def _publish_traced(self, event: Event, parent: str) -> None:
        """Publish the event, and in a line of its own the context for those who push it."""
        with tracing.span("publish", parent, order=event.order_id, seq=event.seq, status=event.status.value):
            text = f"{self._render(event).text}\n{tracing.traceparent()}"
            await self._call("PUBLISH", channel(event.order_id), text)
