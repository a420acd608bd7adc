"""Lambda's event source mapping: Intake → at most `concurrency` handlers at once → deleted, or left.

A message is deleted when its handler returns and does not report it as failed. What is left becomes visible
again when its time is up, and goes to the dead-letter queue when received too often: that is SQS's part.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..calls import call
from ..context import LambdaContext
from .events import queue_arn, sqs_event
from .intake import Intake
from .queue import Message, Queue
from .tasks import finish

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

log = logging.getLogger(__name__)


class EventSourceMapping:
    """Feeds the messages of a queue to a function, one an invocation. `async with` starts and stops it."""

    def __init__(
        self,
        sqs_client: SQSClient,
        queue_url: str,
        handler: Callable[[dict[str, Any], Any], Any],
        *,
        name: str = "process_order",
        concurrency: int = 10,
        timeout_s: float = 60.0,
        grace_s: float = 5.0,
    ) -> None:
        self._queue = Queue(sqs_client, queue_url)
        self._arn = queue_arn(queue_url, sqs_client.meta.region_name)
        self._intake = Intake(self._queue)
        self._handler = handler
        self._name = name
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._workers: list[asyncio.Task[None]] = []
        self._deletes: set[asyncio.Future[None]] = set()
        self.in_flight = 0
        self.peak_in_flight = 0

    def start(self) -> None:
        """Begin to fetch and to invoke, on the running loop."""
        self._intake.start()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]

    def wake(self) -> None:
        """Fetch at once: something was just put into the queue. Call it on the loop."""
        self._intake.wake()

    async def stop(self) -> None:
        """Fetch no more, give back what was not begun, and let what was begun end, for `grace_s` at most."""
        await self._intake.stop()
        await finish(self._workers, self._grace_s)
        if self._deletes:
            await asyncio.wait(self._deletes, timeout=self._grace_s)
        self._queue.close()

    async def __aenter__(self) -> EventSourceMapping:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _work(self) -> None:
        while (message := await self._intake.take()) is not None:
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            try:
                done = await self._invoke(message)
            finally:
                self.in_flight -= 1
            if done:
                deleting = self._queue.delete(message["ReceiptHandle"])
                self._deletes.add(deleting)
                deleting.add_done_callback(self._deleted)

    async def _invoke(self, message: Message) -> bool:
        """Whether the handler is done with the message."""
        event, context = sqs_event(message, self._arn), LambdaContext(self._name, self._timeout_s)
        try:
            report = await call(self._handler, event, context)
        except Exception:
            log.exception("%s raised; message %s stays in the queue", self._name, message["MessageId"])
            return False
        # One message an invocation: whichever is reported as failed, it is this one.
        return not (isinstance(report, dict) and report.get("batchItemFailures"))

    def _deleted(self, deleting: asyncio.Future[None]) -> None:
        self._deletes.discard(deleting)
        if not deleting.cancelled() and (error := deleting.exception()):
            log.warning("a message was not deleted and will come again: %s", error)
