"""The queue between submit and process, and its dead letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..domain.account import LOCAL, Account


class Queue(Protocol):
    """At-least-once delivery, of each account in the order of sending to within seconds; fair to accounts.

    The sweep relies on the order: once much later orders of its account have been received, an order is not
    in the queue.
    """

    async def send(self, order_id: str, account: Account = LOCAL) -> None:
        """Queue an account's order. Raises TemporarilyUnavailable."""

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`."""

    async def is_drained(self) -> bool:
        """Whether no message waits to be received. Others may be with workers, or delayed."""

    async def depth(self) -> QueueDepth:
        """How many messages it has, about. Raises TemporarilyUnavailable."""

    async def check(self) -> None:
        """Return if the queue answers."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages that wait to be received, that workers have, and that are delayed."""

    waiting: int
    in_flight: int
    delayed: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was received too often; `order_id` is None if its body names no order."""

    message_id: str
    receipt: str
    body: str
    order_id: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """Their number, and the age in seconds of the oldest that was sampled; None if none was."""

    count: int
    oldest_s: float | None


class DeadLetters(Protocol):
    """The queue's dead letters. Every method may raise TemporarilyUnavailable."""

    def pages(self) -> AsyncIterator[list[DeadLetter]]:
        """All letters, a page at a time, each once; they are hidden from others until given back."""

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Make the letters visible to others again."""

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Delete the letters."""

    async def summary(self) -> DeadLetterSummary:
        """Their number and age, without receiving any."""
