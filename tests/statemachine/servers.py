"""What lies around the engine, in memory: SQS with its redrive policy, the table as a sweep sees it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from chalicelib.services.execution import Outcome
from chalicelib.services.ports import DeadLetter

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


class Overdue:
    """The store as a sweep sees it. No order may be given out twice in a row, by whichever sweep."""

    def __init__(self, store: MemoryStore, now: Callable[[], float]) -> None:
        self._now = now
        self._given_out: dict[str, float] = {}
        self.store = store

    async def take_overdue(self, limit: int) -> list[str]:
        order_ids = await self.store.take_overdue(limit)
        for order_id in order_ids:
            last = self._given_out.get(order_id, -SWEEP_AFTER_S)
            assert self._now() - last >= SWEEP_AFTER_S, "two sweeps were given the same order"
            self._given_out[order_id] = self._now()
        return order_ids

    async def forget_expired_keys(self) -> None:
        await self.store.forget_expired_keys()
