"""Live events in memory."""

from __future__ import annotations

from chalicelib.api.wire.events import event_message
from chalicelib.domain.events import Event
from chalicelib.ports.live import Events, Notification
from chalicelib.ports.metrics import Metrics
from chalicelib.services.announcing import Announcer

from tests.fakes.metrics import MemoryMetrics
from tests.fakes.redis import Redis
from tests.fakes.unavailable import Unavailable


class MemoryEvents(Unavailable):
    """`ports.live.Events`: keeps what was published, and passes it to the channels that listen."""

    def __init__(self, redis: Redis | None = None) -> None:
        self.redis = redis or Redis()
        self.published: list[Event] = []

    def publish(self, event: Event) -> None:
        self.published.append(event)
        if self.unavailable or self.redis.unavailable:
            return
        for channel in self.redis.channels:
            if event.order_id in channel.listening:
                for _ in range(self.redis.copies(event)):
                    channel.notification_queue.put_nowait(Notification(event=event_message(event)))

    async def settled(self) -> None:
        pass


def announcer(events: Events | None = None, metrics: Metrics | None = None) -> Announcer:
    """What services announce transitions to: these events, or some of its own."""
    return Announcer(events or MemoryEvents(), metrics or MemoryMetrics())
