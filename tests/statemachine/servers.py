"""What lies around the engine, in memory: SQS with its redrive policy, the table as a sweep sees it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

from chalicelib.domain.lifecycle import Status
from chalicelib.services.execution import Outcome
from chalicelib.services.ports import DeadLetter, Overdue, Reason

from tests.fakes import MemoryQueue, MemoryStore

VISIBILITY_S, SWEEP_AFTER_S = 90, 60
MAX_RECEIVES = 3
NEVER = math.inf


@dataclass(eq=False)
class Message:
    """A message in SQS, NEVER visible again when it is deleted or a dead letter."""

    order_id: str
    visible_at: float
    receives: int = 0


class Sqs(MemoryQueue):
    """The queue with its visibility time-outs and its dead letters."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self._now = now

    async def send(self, order_id: str) -> None:
        await super().send(order_id)
        self.messages.append(Message(order_id, self._now()))

    @property
    def visible(self) -> list[Message]:
        return [found for found in self.waiting if found.visible_at <= self._now()]

    @property
    def waiting(self) -> list[Message]:
        """Those that come some time."""
        return [found for found in self.messages if found.visible_at < NEVER]

    @property
    def undisturbed(self) -> set[str]:
        """The orders of messages that were never received: the backlog."""
        return {found.order_id for found in self.waiting if not found.receives}

    async def is_empty(self) -> bool:
        self._reach()
        return not self.waiting

    def lose_everything(self) -> None:
        """As one that was started again does that keeps nothing."""
        for message in self.waiting:
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
        """Delete it, or have it come back."""
        if message.visible_at < NEVER:
            message.visible_at = NEVER if outcome.done else self._now() + outcome.retry_in_ms / 1000


class NoLetters:
    """`services.ports.DeadLetters`: an operator who names the orders needs none."""

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        return
        yield []

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        pass

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        pass


class Table:
    """The store as a sweep sees it: what the sweep is given must be missing, and not be given out twice.

    No order may be given out twice in a row, by whichever sweep; and none whose message waits in the queue,
    unless the queue had no chance to say so: its acknowledgement was lost, or it came later than a sweep.
    """

    def __init__(self, store: MemoryStore, queue: Sqs, now: Callable[[], float], met: Counter[str]) -> None:
        self._now = now
        self._queue = queue
        self._met = met
        self._given_out: dict[str, float] = {}
        self.store = store

    async def any_queued_overdue(self) -> bool:
        return await self.store.any_queued_overdue()

    async def take_overdue(self, limit: int, *, queue_is_empty: bool) -> list[Overdue]:
        acknowledged = {order_id: row.queued_at for order_id, row in self.store.rows.items()}
        pending = {
            order_id for order_id, row in self.store.rows.items() if row.order.status is Status.PENDING
        }
        taken = await self.store.take_overdue(limit, queue_is_empty=queue_is_empty)
        for overdue in taken:
            order_id = overdue.order_id
            last = self._given_out.get(order_id, -SWEEP_AFTER_S)
            assert self._now() - last >= SWEEP_AFTER_S, "two sweeps were given the same order"
            self._given_out[order_id] = self._now()
            if order_id in pending and acknowledged[order_id] and overdue.reason is not Reason.OVERTAKEN:
                waits = order_id in self._queue.undisturbed
                assert not waits, "an order was queued again while its message waits in a backlog"
            self._met[f"swept: {overdue.reason}"] += 1
        return taken

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        await self.store.acknowledge(order_ids)

    async def forget_expired_keys(self) -> None:
        await self.store.forget_expired_keys()
