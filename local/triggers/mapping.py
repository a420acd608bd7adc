"""Lambda's event source mapping: source → at most `concurrency` handlers at once → deleted, or left.

A message is deleted when its handler returns and does not report it as failed. What is left becomes visible
again when its time is up, and goes to the dead-letter queue when received too often: that is SQS's part.

A place is free when its handler returns: the message is deleted while the next one is already worked on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..calls import ACCOUNT, LambdaContext, call
from ..process import finish

log = logging.getLogger(__name__)

Message = dict[str, Any]
"""A message as boto3's receive_message gives it."""


class Source(Protocol):
    """A queue's messages, each hidden from other receivers while it is worked on."""

    @property
    def arn(self) -> str:
        """The queue's ARN."""

    def start(self) -> None:
        """Begin to receive, on the running loop."""

    async def take(self) -> Message | None:
        """The next message, None when stopped. May be cancelled, and then no message is lost by it."""

    def delete(self, message: Message) -> None:
        """Delete a message that is done with, in the background. If that fails, it comes again."""

    async def stop(self) -> None:
        """Receive no more, and make visible again what was received and not taken."""

    async def close(self) -> None:
        """Finish the deletes that are under way."""


class EventSourceMapping:
    """Feeds the messages of `source` to a function, one an invocation. `async with` starts and stops it."""

    def __init__(
        self,
        source: Source,
        handler: Callable[[dict[str, Any], Any], Any],
        *,
        name: str = "process_order",
        concurrency: int = 10,
        timeout_s: float = 60.0,
        grace_s: float = 5.0,
    ) -> None:
        self._source = source
        self._handler = handler
        self._name = name
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._workers: list[asyncio.Task[None]] = []
        self._idle: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.in_flight = 0
        self.peak_in_flight = 0

    def start(self) -> None:
        """Begin to receive and to invoke, on the running loop."""
        self._source.start()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]

    async def stop(self) -> None:
        """Receive no more, and let what was begun end, for `grace_s` at most."""
        self._stopping = True
        await self._source.stop()
        for worker in self._idle:
            worker.cancel()
        await finish(self._workers, self._grace_s)
        await self._source.close()

    async def __aenter__(self) -> EventSourceMapping:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _work(self) -> None:
        while not self._stopping and (message := await self._take()) is not None:
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            try:
                done = await self._invoke(message)
            finally:
                self.in_flight -= 1
            if done:
                self._source.delete(message)

    async def _take(self) -> Message | None:
        worker = asyncio.current_task()
        assert worker is not None
        self._idle.add(worker)
        try:
            return await self._source.take()
        finally:
            self._idle.discard(worker)

    async def _invoke(self, message: Message) -> bool:
        """Whether the handler is done with the message."""
        event, context = sqs_event(message, self._source.arn), LambdaContext(self._name, self._timeout_s)
        try:
            report = await call(self._handler, event, context)
        except Exception:
            log.exception("%s raised; message %s stays in the queue", self._name, message["MessageId"])
            return False
        # One message an invocation: whichever is reported as failed, it is this one.
        return not (isinstance(report, dict) and report.get("batchItemFailures"))


def sqs_event(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """The event of one message, from how boto3's receive_message gives it."""
    attributes = message.get("MessageAttributes", {})
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    return {"Records": [record]}


def queue_arn(queue_url: str, region: str) -> str:
    """`http://…/000000000000/orders` → `arn:aws:sqs:us-east-1:000000000000:orders`."""
    account, _, name = urlsplit(queue_url).path.strip("/").rpartition("/")
    return f"arn:aws:sqs:{region}:{account or ACCOUNT}:{name}"


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {
        "stringValue": value.get("StringValue"),
        "binaryValue": value.get("BinaryValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    return {name: item for name, item in renamed.items() if item is not None}
