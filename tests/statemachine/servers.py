"""Stand-ins in memory: SQS with its redrive policy, and the store as sweeps and workers see it, checked."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.lifecycle import TERMINAL
from chalicelib.ports.queue import DeadLetter
from chalicelib.ports.store import Claim
from chalicelib.ports.store import Overdue as OverdueOrder
from chalicelib.services.execution import Outcome

from tests.fakes import MemoryQueue, MemoryStore

VISIBILITY_S, SWEEP_AFTER_S = 90, 60
DISORDER_S = 15  # how far messages may overtake each other
MAX_RECEIVES = 3
NEVER = math.inf


@dataclass(eq=False)
class Message:
    """A message in SQS, NEVER visible again when it is deleted or a dead letter."""

    order_id: str
    visible_at: float
    receives: int = 0
    account: Account = LOCAL


class Sqs(MemoryQueue):
    """The queue with its visibility time-outs and its dead letters."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self._now = now

    async def send(self, order_id: str, account: Account = LOCAL) -> None:
        await super().send(order_id, account)
        self.messages.append(Message(order_id, self._now(), account=account))

    async def is_drained(self) -> bool:
        return not self.visible

    @property
    def visible(self) -> list[Message]:
        return [found for found in self.remaining if found.visible_at <= self._now()]

    @property
    def next(self) -> list[Message]:
        """Messages that may be delivered now: of each account SQS is first in, first out, within seconds."""
        first = defaultdict[Account, float](lambda: NEVER)
        for found in self.visible:
            first[found.account] = min(first[found.account], found.visible_at)
        return [found for found in self.visible if found.visible_at <= first[found.account] + DISORDER_S]

    @property
    def delivered(self) -> list[Message]:
        """Messages that were received at least once, deleted or not."""
        return [found for found in self.messages if found.receives]

    @property
    def remaining(self) -> list[Message]:
        """Messages that are not deleted and no dead letters."""
        return [found for found in self.messages if found.visible_at < NEVER]

    def lose(self) -> None:
        """Lose every message, as a queue that comes back empty."""
        for message in self.remaining:
            message.visible_at = NEVER

    def receive(self, message: Message) -> bool:
        """Hide the message from others for a while; False if it was received too often: a dead letter now."""
        if message.receives >= MAX_RECEIVES:
            message.visible_at = NEVER
            self.dead.append(message)
            return False
        message.receives += 1
        message.visible_at = self._now() + VISIBILITY_S
        return True

    def settle(self, message: Message, outcome: Outcome) -> None:
        """Delete the message, or make it visible again after its delay."""
        if message.visible_at < NEVER:
            message.visible_at = NEVER if outcome.done else self._now() + outcome.retry_in_ms / 1000


class NoDeadLetters:
    """`ports.queue.DeadLetters` without any: a redrive of named orders reads none."""

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        return
        yield []

    async def give_back(self, dead_letters: Sequence[DeadLetter]) -> None:
        pass

    async def delete(self, dead_letters: Sequence[DeadLetter]) -> None:
        pass


class Overdue:
    """The store as a sweep sees it: what it gives out is counted in `met`, and judged.

    No order may be given out twice in a row, by whichever sweep, nor one whose message waits in the queue.
    """

    def __init__(self, store: MemoryStore, queue: Sqs, now: Callable[[], float], met: Counter[str]) -> None:
        self._store = store
        self._queue = queue
        self._now = now
        self._met = met
        self._given_out: dict[str, float] = {}
        self._looked_at: dict[asyncio.Task[Any] | None, float] = {}  # by sweep: before it asks the queue

    async def any_queued_overdue(self) -> bool:
        self._looked_at[asyncio.current_task()] = self._now()
        return await self._store.any_queued_overdue()

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[OverdueOrder]:
        waiting = self._waiting(drained_for_ms is not None)
        overdue = await self._store.take_overdue(limit, drained_for_ms=drained_for_ms)
        for order in overdue:
            last = self._given_out.get(order.order_id, -SWEEP_AFTER_S)
            gap = self._now() - last
            assert gap > SWEEP_AFTER_S - 0.001, f"given out twice within {gap} s: {order.reason}"  # of floats
            assert order.order_id not in waiting, (
                f"an order is queued again while its message waits: {order.reason}"
            )
            self._given_out[order.order_id] = self._now()
            self._met[f"swept: {order.reason}"] += 1
        return overdue

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        await self._store.acknowledge(order_ids)

    async def forget_expired_keys(self) -> None:
        await self._store.forget_expired_keys()

    def _waiting(self, drained: bool) -> set[str]:
        """The acknowledged orders that no worker has, and whose messages have waited since they were due.

        May be taken for lost: what was sent long after it was due, as its sender stood still, and what was
        sent, or became visible again, after the queue was seen drained.
        """
        until = self._looked_at[asyncio.current_task()] if drained else NEVER
        found = set()
        for message in self._queue.visible:
            row = self._store.rows.get(message.order_id)
            if row is None or row.queued_at is None or row.lease_until is not None:
                continue
            late_s = message.visible_at - self._now() + self._store.seconds_since(row.due_at)
            if row.order.status not in TERMINAL and late_s <= DISORDER_S and message.visible_at < until:
                found.add(message.order_id)
        return found


class Leases:
    """The store as a worker sees it: no order is given to one worker while another holds it."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, order_id: str) -> Any:
        row = self._store.rows.get(order_id)
        is_held = (
            row is not None and row.lease_until is not None and self._store.seconds_since(row.lease_until) < 0
        )
        claim = await self._store.claim(order_id)
        assert not (is_held and isinstance(claim, Claim)), "two workers hold one order"
        return claim
