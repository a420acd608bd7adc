"""The dead-letter queue in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.ports.queue import DeadLetter, DeadLetterSummary

from tests.fakes.away import Away

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryDeadLetters(Away):
    """`ports.queue.DeadLetters`, three to a page; what was read stays hidden until it is given back."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLetter] = {}
        self.hidden: set[str] = set()
        self._numbers = itertools.count(1)

    def put(self, body: str, order_id: str | None = None, *, age_s: float = 0.0) -> DeadLetter:
        """A new letter, with an id of its own."""
        name = f"message-{next(self._numbers)}"
        letter = DeadLetter(name, f"receipt-{name}", body, order_id, NOW - timedelta(seconds=age_s))
        self.letters[name] = letter
        return letter

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        while True:
            self._reach()
            page = [letter for name, letter in self.letters.items() if name not in self.hidden][:3]
            if not page:
                return
            self.hidden |= {letter.message_id for letter in page}
            yield page

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        self._reach()
        self.hidden -= {letter.message_id for letter in letters}

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        self._reach()
        for letter in letters:
            self.letters.pop(letter.message_id, None)
            self.hidden.discard(letter.message_id)

    async def summary(self) -> DeadLetterSummary:
        self._reach()
        ages = [(NOW - letter.sent_at).total_seconds() for letter in self.letters.values()]
        return DeadLetterSummary(len(ages), max(ages, default=None))
