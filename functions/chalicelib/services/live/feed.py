"""A feed: the events of one order in this relay, and the subscribers they are delivered to.

notification or store → `events`, in seq order without a gap → one task for each subscriber → push

`Feed.run` keeps `events` complete: a notification with the next seq is appended as it is; anything else that
shows events missing makes the feed read them from the store. `Feed.deliver` sends one subscriber what it does
not have yet. Each subscriber has a task of its own, so a slow client delays no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ...domain.events import Event
from ...ports import tracing
from ...ports.live import Channel, ConnectionGone, EventMessage, Push, Subscription
from ...ports.store import Store

log = logging.getLogger(__name__)


class Subscriber:
    """A connection subscribed to the feed's order; `delivered_seq` is the last seq that it was sent."""

    def __init__(self, subscription: Subscription) -> None:
        self.connection_id = subscription.connection_id
        self.delivered_seq = subscription.after
        self.wake = asyncio.Event()  # there may be something to send, or to stop for
        self.removed = False


class Feed:
    """One order's events (the n-th has seq n) and its subscribers.

    `render` gives a stored event as its message; `on_progress` is called after sending.
    """

    def __init__(
        self,
        order_id: str,
        channel: Channel,
        store: Store,
        push: Push,
        render: Callable[[Event], EventMessage],
        on_progress: Callable[[], None],
    ) -> None:
        self.order_id = order_id
        self.events: list[EventMessage] = []
        self.subscribers: dict[str, Subscriber] = {}
        self._channel = channel
        self._store = store
        self._push = push
        self._render = render
        self._on_progress = on_progress
        self.stale = True  # the store has, or may have, more than `events`
        self._wake = asyncio.Event()
        self._closing = False

    @property
    def is_complete(self) -> bool:
        """Whether the last event known is terminal; a redrive may still add events after it."""
        return not self.stale and bool(self.events) and self.events[-1].is_terminal

    def has_all(self, seq: int) -> bool:
        """Whether every event up to `seq` is in `events`."""
        return seq <= len(self.events)

    def delivered(self, seq: int) -> bool:
        """Whether every subscriber was sent the events up to `seq`."""
        return all(subscriber.delivered_seq >= seq for subscriber in self.subscribers.values())

    def add_event(self, event: EventMessage) -> None:
        """Take an event from a notification: append the next one, drop a known one, read after a gap."""
        if event.seq == len(self.events) + 1:
            self.events.append(event)
        elif event.seq > len(self.events):
            self.stale = True
        self._wake.set()

    def refresh(self) -> None:
        """Read the store soon, for events that no notification has brought."""
        self.stale = True
        self._wake.set()

    def subscribe(self, subscription: Subscription) -> Subscriber | None:
        """Add a subscriber, for whom `deliver` is to be run; None if its connection is subscribed already."""
        if self.is_complete:
            self.stale = True  # a redrive may have been published unnoticed: read once more
        if subscription.connection_id in self.subscribers:
            return None
        subscriber = self.subscribers[subscription.connection_id] = Subscriber(subscription)
        self._wake.set()
        return subscriber

    def unsubscribe(self, connection_id: str) -> None:
        """Remove a subscriber; its `deliver` returns by itself, and `run` after the last one."""
        subscriber = self.subscribers.pop(connection_id, None)
        if subscriber is not None:
            subscriber.removed = True
            subscriber.wake.set()
            self._wake.set()

    def close(self) -> None:
        """Have `run` and every `deliver` return after the sends under way."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Keep `events` complete and wake the subscribers, until none is left or the feed is closed."""
        while self.subscribers and not self._closing:
            self._wake.clear()
            if self.stale:
                await self._read()
            self._wake_subscribers()
            await self._wake.wait()
        self._wake_subscribers()  # there are any only when the feed is closed

    async def deliver(self, subscriber: Subscriber) -> None:
        """Send the subscriber every event; return after the last, or when it is removed or the feed closed.

        Raises ConnectionGone.
        """
        # Invariant: each event is sent once per subscriber, in seq order, and its position is stored after
        # sending. Only this task sends it events: always the one after `delivered_seq`, which grows
        # by one when the send has returned. A send that fails is repeated, and nothing overtakes it. If the
        # relay is killed between a send and the storing of its position, the next relay sends the event
        # again, with the same seq; it never skips one.
        while not (subscriber.removed or self._closing):
            await subscriber.wake.wait()
            subscriber.wake.clear()
            try:
                if await self._deliver_new(subscriber):
                    self.unsubscribe(subscriber.connection_id)
            except ConnectionGone:
                raise
            except Exception as error:
                log.warning(
                    "feed: delivery failed, retrying at next poll order=%s connection=%s after=%d error=%r",
                    self.order_id,
                    subscriber.connection_id,
                    subscriber.delivered_seq,
                    error,
                )
                self.stale = True

    async def _deliver_new(self, subscriber: Subscriber) -> bool:
        """Send the events after `delivered_seq`, then store the position; True after the last event."""
        before = subscriber.delivered_seq
        try:
            while subscriber.delivered_seq < len(self.events) and not subscriber.removed:
                event = self.events[subscriber.delivered_seq]
                if tracing.is_on():
                    await self._send_traced(subscriber.connection_id, event)
                else:
                    await self._push.send(subscriber.connection_id, event.text)
                subscriber.delivered_seq += 1
        finally:
            self._on_progress()
            if subscriber.delivered_seq > before and not subscriber.removed:
                self._channel.save_position(
                    Subscription(subscriber.connection_id, self.order_id, subscriber.delivered_seq)
                )
        if subscriber.removed or not self.is_complete or subscriber.delivered_seq < len(self.events):
            return False
        await self._channel.remove_subscription(subscriber.connection_id, self.order_id)
        return True

    async def _send_traced(self, connection_id: str, event: EventMessage) -> None:
        with tracing.span(
            "push", event.traceparent, order=event.order_id, seq=event.seq, connection=connection_id
        ):
            await self._push.send(connection_id, event.text)

    async def _read(self) -> None:
        self.stale = False
        try:
            events = await self._store.events(self.order_id, len(self.events))
        except Exception as error:
            log.warning(
                "feed: cannot read events, retrying at next poll order=%s error=%r", self.order_id, error
            )
            self.stale = True
            return
        self.events += [self._render(event) for event in events if event.seq > len(self.events)]

    def _wake_subscribers(self) -> None:
        for subscriber in self.subscribers.values():
            subscriber.wake.set()
