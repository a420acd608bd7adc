"""Reading the dead-letter queue without taking anything from it.

SQS has no way to only look. So each message is received, which hides it from the next call and so brings the
next ones, until there are none; then all are made visible again. Interrupted in between, they become so by
themselves when the time-out is over. `receives` counts the times before this look; a look counts, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

HIDDEN_S = 60  # longer than a read of a long list takes
MOST_AT_ONCE = 10  # SQS gives and takes no more in a call


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue; `order_id` is None if its body names no order."""

    message_id: str
    order_id: str | None
    receives: int
    age_s: float
    body: str


def read_dead_letters(sqs: SQSClient, queue_url: str) -> list[DeadLetter]:
    """Every message that is visible, oldest first. Raises botocore's errors."""
    messages: list[Any] = []
    try:
        while received := _receive(sqs, queue_url):
            messages += received
    finally:
        _show(sqs, queue_url, messages)
    letters = {letter.message_id: letter for letter in map(_letter, messages)}
    return sorted(letters.values(), key=lambda letter: -letter.age_s)


def _receive(sqs: SQSClient, queue_url: str) -> Sequence[Any]:
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=MOST_AT_ONCE,
        VisibilityTimeout=HIDDEN_S,
        WaitTimeSeconds=0,
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
    )
    return answer.get("Messages", [])


def _show(sqs: SQSClient, queue_url: str, messages: Sequence[Any]) -> None:
    for batch in _batches(messages):
        entries: Any = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for index, message in enumerate(batch)
        ]
        sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def _batches(messages: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(messages), MOST_AT_ONCE):
        yield messages[start : start + MOST_AT_ONCE]


def _letter(message: Any) -> DeadLetter:
    attributes = message["Attributes"]
    return DeadLetter(
        message_id=message["MessageId"],
        order_id=_order_id(message["Body"]),
        receives=int(attributes["ApproximateReceiveCount"]) - 1,
        age_s=max(0.0, time.time() - int(attributes["SentTimestamp"]) / 1000),
        body=message["Body"],
    )


def _order_id(body: str) -> str | None:
    try:
        return str(json.loads(body)["orderId"])
    except (ValueError, TypeError, KeyError):
        return None
