"""The dead-letter queue in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.ports.queue import DeadLetter, DeadLetterSummary

from tests.fakes.unavailable import Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryDeadLetters(Unavailable):
    """`ports.queue.DeadLetters`, three to a page; a message that was read is hidden until `give_back`."""

    def __init__(self) -> None:
        self.by_id: dict[str, DeadLetter] = {}
        self.hidden: set[str] = set()
        self._numbers = itertools.count(1)

    def put(self, body: str, order_id: str | None = None, *, age_s: float = 0.0) -> DeadLetter:
        """A new dead letter, with its own id."""
        name = f"message-{next(self._numbers)}"
        dead_letter = DeadLetter(name, f"receipt-{name}", body, order_id, NOW - timedelta(seconds=age_s))
        self.by_id[name] = dead_letter
        return dead_letter

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        while True:
            self._reach()
            page = [dead_letter for name, dead_letter in self.by_id.items() if name not in self.hidden][:3]
            if not page:
                return
            self.hidden |= {dead_letter.message_id for dead_letter in page}
            yield page

    async def give_back(self, dead_letters: Sequence[DeadLetter]) -> None:
        self._reach()
        self.hidden -= {dead_letter.message_id for dead_letter in dead_letters}

    async def delete(self, dead_letters: Sequence[DeadLetter]) -> None:
        self._reach()
        for dead_letter in dead_letters:
            self.by_id.pop(dead_letter.message_id, None)
            self.hidden.discard(dead_letter.message_id)

    async def summary(self) -> DeadLetterSummary:
        self._reach()
        ages = [(NOW - dead_letter.sent_at).total_seconds() for dead_letter in self.by_id.values()]
        return DeadLetterSummary(len(ages), max(ages, default=None))
