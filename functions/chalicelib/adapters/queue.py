"""The queue on SQS: boto3 in threads, sends gathered into batches of up to ten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from ..domain.errors import TemporarilyUnavailable
from .batcher import Batcher

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

SQS_BATCH = 10  # the most that SendMessageBatch takes


class SqsQueue:
    """`services.ports.Queue`. A message's body is `{"orderId": …}`."""

    def __init__(self, queue_url: str, *, endpoint_url: str = "") -> None:
        self._queue_url = queue_url
        self._sqs: SQSClient = boto3.client(
            "sqs",
            endpoint_url=endpoint_url or None,
            config=BotoConfig(
                connect_timeout=1,
                read_timeout=2,
                max_pool_connections=20,
                retries={"total_max_attempts": 2},
                proxies={} if endpoint_url else None,  # an emulator is never behind a proxy
            ),
        )
        self._send = Batcher(self._send_all, limit=SQS_BATCH, lanes=4)

    async def send(self, order_id: str) -> None:
        await self._send(order_id)

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`.

        SQS counts whole seconds, so the odd milliseconds are waited for here.
        """
        seconds, odd_ms = divmod(delay_ms, 1000)
        await asyncio.sleep(odd_ms / 1000)
        try:
            await asyncio.to_thread(
                self._sqs.change_message_visibility,
                QueueUrl=self._queue_url,
                ReceiptHandle=receipt,
                VisibilityTimeout=seconds,
            )
        except (BotoCoreError, ClientError) as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    async def check(self) -> None:
        try:
            await asyncio.to_thread(
                self._sqs.get_queue_attributes, QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
            )
        except (BotoCoreError, ClientError) as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    async def _send_all(self, order_ids: Sequence[str]) -> list[None]:
        entries = [
            {"Id": str(index), "MessageBody": json.dumps({"orderId": order_id})}
            for index, order_id in enumerate(order_ids)
        ]
        try:
            reply = await asyncio.to_thread(
                self._sqs.send_message_batch,
                QueueUrl=self._queue_url,
                Entries=entries,  # type: ignore[arg-type]  # the stubs want their own TypedDict
            )
        except (BotoCoreError, ClientError) as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error
        if reply.get("Failed"):
            raise TemporarilyUnavailable("The queue refused a message.")
        return [None] * len(order_ids)
