"""The doorbell on Redis pub/sub: one channel an order, publishes that meet travel in one pipeline."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from redis.asyncio import Redis

from ..domain.errors import TemporarilyUnavailable
from ..domain.order import Event
from .batcher import Batcher
from .redis_pool import available

log = logging.getLogger(__name__)


def channel(order_id: str) -> str:
    """The Redis channel of an order's events."""
    return f"order:{order_id}"


class RedisEvents:
    """`services.ports.Events`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._publish = Batcher(self._publish_all)

    async def publish(self, event: Event) -> None:
        """Tell whoever listens; a silent doorbell is no reason to stop, since relays read the table too."""
        try:
            await self._publish(event)
        except TemporarilyUnavailable as error:
            log.warning("event %s/%s was not published: %s", event.order_id, event.seq, error)

    async def check(self) -> None:
        await available(self._redis.ping)

    async def _publish_all(self, events: Sequence[Event]) -> list[None]:
        async def publish() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for event in events:
                    pipeline.publish(channel(event.order_id), json.dumps(event.to_wire()))
                await pipeline.execute()

        await available(publish)
        return [None] * len(events)
