"""The queue as an event source mapping uses it: boto3 in threads, deletes that travel together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.batcher import Batcher

from ..threads import Threads

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

Message = dict[str, Any]
MOST_AT_ONCE = 10  # SQS takes and gives no more in a call


class Queue:
    """One SQS queue."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url
        self._threads = Threads(5, "sqs")
        self.delete = Batcher(self._delete, limit=MOST_AT_ONCE, lanes=2)

    async def receive(self, most: int, wait_s: int) -> list[Message]:
        """Up to `most` messages; none if there are none within `wait_s`."""
        answer: Any = await self._threads.run(
            lambda: self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        )
        return list(answer.get("Messages", []))

    async def give_back(self, messages: Sequence[Message]) -> None:
        """Make messages visible again, for others to take."""
        for start in range(0, len(messages), MOST_AT_ONCE):
            entries: Any = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for index, message in enumerate(messages[start : start + MOST_AT_ONCE])
            ]
            await self._threads.run(
                lambda entries=entries: self._sqs.change_message_visibility_batch(
                    QueueUrl=self._url, Entries=entries
                )
            )

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()

    async def _delete(self, receipts: Sequence[str]) -> Sequence[None]:
        entries: Any = [
            {"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)
        ]
        answer = await self._threads.run(
            lambda: self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        )
        for failed in answer.get("Failed", []):
            log.warning("a message was not deleted and will come again: %s", failed.get("Message", failed))
        return [None] * len(receipts)
