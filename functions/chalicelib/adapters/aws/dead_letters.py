"""The dead-letter queue on SQS.

SQS has no way to only look. So a message is received, which hides it and so brings the next ones, until there
are none; the reader gives back what it does not delete. Interrupted in between, the messages show again by
themselves when `HIDDEN_S` is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ...batcher import Batcher
from ...ports.queue import DeadLetter, DeadLetterSummary
from .sqs import MOST_AT_ONCE, available, connect

log = logging.getLogger(__name__)

HIDDEN_S = 60
LANES = 4  # calls at once
LONG_POLL_S = 1  # asks all of SQS's servers, where a short poll asks some of them
COUNTS = tuple(f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed"))


class SqsDeadLetters:
    """`ports.queue.DeadLetters`; `parse` gives the order that a message names.

    It has threads of its own, so that no other calls delay /health.
    """

    def __init__(self, queue_url: str, parse: Callable[[str], str | None], *, endpoint_url: str = "") -> None:
        self._parse = parse
        self._queue_url = queue_url
        self._sqs = connect(endpoint_url, tries=1)
        self._threads = ThreadPoolExecutor(LANES, "dead-letters")
        self._summary: Batcher[None, DeadLetterSummary] = Batcher(self._summaries)

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        """All letters, up to `LANES` calls' worth at a time."""
        seen: set[str] = set()
        visible, _ = await self._counts()
        while True:
            missing = visible - len(seen)  # by a count that is approximate: only an empty answer is the end
            lanes = max(1, min(LANES, -(-missing // MOST_AT_ONCE)))
            wait_s = LONG_POLL_S if missing > 0 else 0
            found = await asyncio.gather(*(self._receive(HIDDEN_S, wait_s) for _ in range(lanes)))
            page = {letter.message_id: letter for letters in found for letter in letters}
            fresh = [letter for message_id, letter in page.items() if message_id not in seen]
            if not fresh:
                return
            seen.update(page)
            yield fresh

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Make them visible; one that is so already, or gone, is fine."""

        def show(entries: Any) -> Any:
            return self._sqs.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)

        await self._in_batches(show, letters, VisibilityTimeout=0)

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Delete them; one that SQS does not delete is met again."""

        def delete(entries: Any) -> Any:
            return self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

        for answer in await self._in_batches(delete, letters):
            for failed in answer.get("Failed", []):
                log.warning("dead letter not deleted error=%s", failed.get("Message", failed))

    async def summary(self) -> DeadLetterSummary:
        """The number, and the oldest of a sample of up to ten: SQS offers no way to ask for the oldest.

        The sample hides nothing from anyone. Those who ask while an answer is under way share the next one.
        """
        return await self._summary(None)

    async def _summaries(self, asked: Sequence[None]) -> list[DeadLetterSummary]:
        _, count = await self._counts()
        sample = await self._receive(0, 0) if count else []
        oldest = min((letter.sent_at for letter in sample), default=None)
        age_s = None if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
        return [DeadLetterSummary(count, age_s)] * len(asked)

    async def _counts(self) -> tuple[int, int]:
        """How many letters can be received, and how many there are."""
        answer: Any = await available(
            lambda: self._sqs.get_queue_attributes(
                QueueUrl=self._queue_url,
                AttributeNames=COUNTS,  # type: ignore[arg-type]  # the stubs want literals
            ),
            self._threads,
        )
        visible, *hidden = (int(answer["Attributes"].get(name, 0)) for name in COUNTS)
        return visible, visible + sum(hidden)

    async def _receive(self, hidden_s: int, wait_s: int) -> list[DeadLetter]:
        answer = await available(
            lambda: self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=MOST_AT_ONCE,
                VisibilityTimeout=hidden_s,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["SentTimestamp"],
            ),
            self._threads,
        )
        return [self._letter(message) for message in answer.get("Messages", [])]

    async def _in_batches(
        self, call: Callable[[Any], Any], letters: Sequence[DeadLetter], **change: object
    ) -> list[Any]:
        """What `call` answers to each batch of entries, which name the letters and what to change of them."""
        entries = [
            {"Id": str(index), "ReceiptHandle": letter.receipt, **change}
            for index, letter in enumerate(letters)
        ]
        return await asyncio.gather(
            *(
                available(partial(call, entries[start : start + MOST_AT_ONCE]), self._threads)
                for start in range(0, len(entries), MOST_AT_ONCE)
            )
        )

    def _letter(self, message: Any) -> DeadLetter:
        return DeadLetter(
            message_id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            order_id=self._parse(message["Body"]),
            sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        )
