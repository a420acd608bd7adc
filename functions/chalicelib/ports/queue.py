"""The queue between submit and process, and its dead letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Queue(Protocol):
    """The queue between submit and process: at least once, and first in, first out only within seconds.

    The sweep relies on that: an order that much later ones have overtaken is not in the queue any more.
    """

    async def send(self, order_id: str) -> None:
        """Queue the order. Raises TemporarilyUnavailable."""

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`."""

    async def is_drained(self) -> bool:
        """Whether no message waits to be received. Others may be with workers, or delayed."""

    async def check(self) -> None:
        """Return if the queue answers."""


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
    """How many there are, and how old, in seconds, the oldest is that was looked at; None if none was."""

    count: int
    oldest_s: float | None


class DeadLetters(Protocol):
    """The queue's dead letters. Every method may raise TemporarilyUnavailable."""

    def pages(self) -> AsyncIterator[list[DeadLetter]]:
        """All of them, a page at a time, each once; their reader has them until it gives them back."""

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Show them to others again."""

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """They are done with."""

    async def summary(self) -> DeadLetterSummary:
        """How many, and how old; takes nothing from anyone."""
