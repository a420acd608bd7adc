"""Orders, subscribed clients and relays, in memory."""

from __future__ import annotations

import asyncio
import itertools

from chalicelib.api.wire import answers
from chalicelib.api.wire.events import event_message
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.keys import Keys
from chalicelib.ports.live import Subscription
from chalicelib.ports.store import NewOrder
from chalicelib.services.live.relay import Relay

from tests.fakes import (
    MemoryChannel,
    MemoryEvents,
    MemoryPush,
    MemoryRegistry,
    MemoryStore,
    Redis,
    eventually,
)
from tests.samples import TERMS

LIFE = (Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED)
WHOLE = [1, 2, 3, 4, 5]
CLIENT = "127.0.0.1"


class World:
    """Orders, clients subscribed to them, and relays of one shard."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.redis = Redis()
        self.events = MemoryEvents(self.redis)
        self.registry = MemoryRegistry(self.redis)
        self.push = MemoryPush()
        self.relays: list[asyncio.Task[bool]] = []
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self._fences = (f"relay-{number}" for number in itertools.count(1))

    async def order(self) -> str:
        order_id = next(self._ids)
        created = await self.store.create(NewOrder(order_id, TERMS))
        assert isinstance(created, Event)
        self.events.publish(created)
        return order_id

    async def move(self, order_id: str, *statuses: Status) -> None:
        """Append events to the order as its worker does: stored, then published."""
        for status in statuses:
            self.events.publish(self.store.append(order_id, status))

    async def subscribe(self, connection_id: str, order_id: str, after: int = 0) -> None:
        await self.registry.connect(connection_id, CLIENT)
        await self.registry.subscribe(Subscription(connection_id, order_id, after))

    def relay(
        self,
        *,
        seconds: float = 30,
        lease: float = 0.03,
        poll: float = 0.02,
        idle: float = 30,
        keys: Keys | None = None,
    ) -> asyncio.Task[bool]:
        channel = MemoryChannel(self.redis, 0, next(self._fences))
        relay = Relay(
            channel,
            self.store,
            self.push,
            event_message,
            lease=lease,
            poll=poll,
            idle=idle,
            keys=keys,
            refusal=lambda error: answers.text(answers.error(error)),
        )
        task = asyncio.create_task(relay.run(seconds))
        self.relays.append(task)
        return task

    async def sees(self, connection_id: str, seqs: list[int], order_id: str | None = None) -> None:
        """Wait until the client has received that many events, and assert that they are `seqs`."""
        await eventually(lambda: len(self.push.seqs(connection_id, order_id)) >= len(seqs))
        assert self.push.seqs(connection_id, order_id) == seqs

    async def is_quiet(self) -> None:
        """Wait for some polls and lease renewals, in which anything still under way completes."""
        looks = self.redis.looks
        await eventually(lambda: self.redis.looks > looks + 10)

    async def close(self) -> None:
        for task in self.relays:
            task.cancel()
        await asyncio.gather(*self.relays, return_exceptions=True)
