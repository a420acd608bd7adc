"""The queue on SQS: botocore in threads, sends gathered into batches of up to ten.

Each message is of its account's group, among which SQS is fair ("fair queues"): an account whose orders have
more than their share of the workers' time is served after the others, while they have orders that wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ...batcher import Batcher
from ...domain.account import LOCAL, Account
from ...domain.errors import TemporarilyUnavailable
from ...ports import tracing
from ...ports.queue import QueueDepth
from .sqs import MOST_AT_ONCE, available, connect

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType

# A send that every SQS refuses, for what is in it: so the check tries a send, and no worker gets a message.
UNSENDABLE = {"Id": "0", "MessageBody": "\0", "DelaySeconds": 901}
REFUSED_FOR_ITS_CONTENT = ("InvalidMessageContents", "InvalidParameterValue")
WAITING: QueueAttributeNameType = "ApproximateNumberOfMessages"
DEPTH: list[QueueAttributeNameType] = [
    WAITING,
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


class SqsQueue:
    """`ports.queue.Queue`; `render` gives the body of an order's message.

    Where all orders are of one account, not `by_account`, messages need no group.
    """

    def __init__(
        self,
        queue_url: str,
        render: Callable[[str], str],
        *,
        endpoint_url: str = "",
        by_account: bool = False,
    ) -> None:
        self._render = render
        self._by_account = by_account
        self._queue_url = queue_url
        self._sqs = connect(endpoint_url)
        self._send = Batcher(self._send_all, limit=MOST_AT_ONCE, lanes=4)
        self._prober = ThreadPoolExecutor(1, "queue-check")  # not behind calls that wait for a silent queue
        self._probe = connect(endpoint_url, tries=1)
        self._check: Batcher[None, None] = Batcher(self._check_all)

    async def send(self, order_id: str, account: Account = LOCAL) -> None:
        await self._send((order_id, account, tracing.traceparent()))

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`.

        SQS counts whole seconds, so the odd milliseconds are waited for here.
        """
        seconds, odd_ms = divmod(delay_ms, 1000)
        await asyncio.sleep(odd_ms / 1000)
        await available(
            lambda: self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        )

    async def is_drained(self) -> bool:
        reply = await available(
            lambda: self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[WAITING])
        )
        return reply.get("Attributes", {}).get(WAITING) == "0"

    async def depth(self) -> QueueDepth:
        reply = await available(
            lambda: self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=DEPTH)
        )
        return QueueDepth(*(int(reply.get("Attributes", {}).get(name, 0)) for name in DEPTH))

    async def check(self) -> None:
        await self._check(None)

    async def _check_all(self, asked: Sequence[None]) -> list[None]:
        if reason := await available(self._refusal, self._prober):
            raise TemporarilyUnavailable(f"The queue refuses messages: {reason}.")
        return [None] * len(asked)

    def _refusal(self) -> str:
        """The code with which the queue refuses a send, empty if it is for the content of `UNSENDABLE`."""
        try:
            reply = self._probe.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[UNSENDABLE],  # type: ignore[list-item]  # the stubs want their own TypedDict
            )
            codes = [failed["Code"] for failed in reply.get("Failed", [])]
        except ClientError as error:
            codes = [error.response["Error"]["Code"]]
        return next((code for code in codes if not code.endswith(REFUSED_FOR_ITS_CONTENT)), "")

    async def _send_all(self, orders: Sequence[tuple[str, Account, str]]) -> list[None]:
        entries = [
            {"Id": str(index), "MessageBody": self._render(order_id)}
            | ({"MessageGroupId": account.id} if self._by_account else {})
            | ({"MessageAttributes": _attributes(context)} if context else {})
            for index, (order_id, account, context) in enumerate(orders)
        ]
        reply = await available(
            lambda: self._sqs.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=entries,  # type: ignore[arg-type]  # the stubs want their own TypedDict
            )
        )
        if reply.get("Failed"):
            raise TemporarilyUnavailable("The queue refused a message.")
        return [None] * len(orders)


def _attributes(traceparent: str) -> dict[str, dict[str, str]]:
    return {"traceparent": {"DataType": "String", "StringValue": traceparent}}
