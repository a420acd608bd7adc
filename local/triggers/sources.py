"""Sources of messages for the event source mapping: a queue over HTTP, or the broker of this process.

PolledSource   receive (long poll, as many as places wait for) ──▶ buffer ──▶ take
               delete ◀── up to ten at a time, in the background
DirectSource   take and delete are calls of the broker: no HTTP, and nothing is received ahead
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from chalicelib.adapters.aws.signed_http import SignedHttp
from chalicelib.api.wire.queue import queue_message
from chalicelib.batcher import Batcher
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.ports import tracing
from chalicelib.ports.queue import QueueDepth

from ..process import finish
from ..servers.queues import ORDERS
from ..servers.sqs.broker import Broker
from ..servers.sqs.errors import SqsError
from ..servers.sqs.message import NONE, Outgoing, boto3_shape
from .mapping import Message, queue_arn

log = logging.getLogger(__name__)

Item = TypeVar("Item")

MOST_AT_ONCE = 10  # SQS takes and gives no more in a call
LONG_POLL_S = 1  # short enough that a stop waits for the answer and gives back what came with it
ANSWERS_WITHIN_S = 4.0  # a long poll included
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
ENDLESS_S = 3600.0  # a long poll of the broker, begun again when it ends


class PolledSource:
    """`Source` of the queue at `queue_url`, on the server at `endpoint_url`."""

    def __init__(self, endpoint_url: str, queue_url: str, region: str) -> None:
        self.arn = queue_arn(queue_url, region)
        self._queue_url = queue_url
        self._http = SignedHttp("sqs", endpoint_url, read_s=ANSWERS_WITHIN_S)
        self._delete = Batcher(self._delete_all, limit=MOST_AT_ONCE, lanes=2)
        self._deletes: set[asyncio.Future[None]] = set()
        self._buffer: Buffer[Message] = Buffer()
        self._stopping = asyncio.Event()
        self._is_away = False
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._polling = asyncio.create_task(self._poll(), name="poll")

    async def take(self) -> Message | None:
        return await self._buffer.take()

    def delete(self, message: Message) -> None:
        deleting = self._delete(message["ReceiptHandle"])
        self._deletes.add(deleting)
        deleting.add_done_callback(self._deleted)

    async def stop(self) -> None:
        self._stopping.set()
        self._buffer.close()
        if self._polling:
            await finish([self._polling], LONG_POLL_S + 1)
        with contextlib.suppress(TemporarilyUnavailable):  # then they come back by themselves
            await self._give_back(self._buffer.take_all())

    async def close(self) -> None:
        if self._deletes:
            await asyncio.wait(self._deletes, timeout=ANSWERS_WITHIN_S)
        await self._http.close()

    async def _poll(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            if await self._receive():
                pause_s = FIRST_PAUSE_S
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _receive(self) -> bool:
        """Receive what there is room for; whether the queue answered."""
        room = await self._buffer.reserve(MOST_AT_ONCE)
        messages: list[Message] = []
        try:
            if room:
                answer = await self._call(
                    "ReceiveMessage",
                    MaxNumberOfMessages=room,
                    WaitTimeSeconds=LONG_POLL_S,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
                messages = answer.get("Messages", [])
        except TemporarilyUnavailable as error:
            if not self._is_away:
                log.warning("the queue is away, trying until it is back: %s", error)
            self._is_away = True
            return False
        finally:
            self._buffer.put(messages, reserved=room)
        if self._is_away:
            log.warning("the queue is back")
            self._is_away = False
        return True

    async def _give_back(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), MOST_AT_ONCE):
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for index, message in enumerate(messages[start : start + MOST_AT_ONCE])
            ]
            await self._call("ChangeMessageVisibilityBatch", Entries=entries)

    async def _delete_all(self, receipts: Sequence[str]) -> Sequence[None]:
        entries = [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]
        answer = await self._call("DeleteMessageBatch", Entries=entries)
        for failed in answer.get("Failed", []):
            log.warning("a message was not deleted and will come again: %s", failed.get("Message", failed))
        return [None] * len(receipts)

    def _deleted(self, deleting: asyncio.Future[None]) -> None:
        self._deletes.discard(deleting)
        if not deleting.cancelled() and (error := deleting.exception()):
            log.warning("a message was not deleted and will come again: %s", error)

    async def _call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a call of SQS's JSON protocol. Raises TemporarilyUnavailable unless it succeeds."""
        body = json.dumps({"QueueUrl": self._queue_url, **parameters}).encode()
        headers = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
        answer = await self._http.call("POST", "/", body, headers)
        if answer.status != 200:
            raise TemporarilyUnavailable(f"SQS answered {answer.status} to {action}: {answer.body[:200]!r}")
        found: dict[str, Any] = json.loads(answer.body)
        return found


class Buffer(Generic[Item]):
    """A queue with reservations: reserve(n) → receive → put(items, reserved=n) … take().

    Only what an idle place waits for is received. A message that waited here would be out of sight when its
    process is killed, until its visibility time-out is over, and SQS would count it as received.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._reserved = 0
        self._items: deque[Item] = deque()
        self._room = asyncio.Event()
        self._filled = asyncio.Event()
        self._closed = False

    async def reserve(self, most: int) -> int:
        """Wait until an item is waited for, and keep room for up to `most` of those; 0 when closed."""
        while not self._closed:
            free = self._waiting - self._reserved - len(self._items)
            if free > 0:
                room = min(most, free)
                self._reserved += room
                return room
            self._room.clear()
            await self._room.wait()
        return 0

    def put(self, items: Sequence[Item], *, reserved: int) -> None:
        """Put what came into the room that was kept, and let go of the rest."""
        self._reserved -= reserved
        self._items.extend(items)
        self._room.set()
        self._filled.set()

    async def take(self) -> Item | None:
        """The oldest item, once there is one; None when closed, whatever is left."""
        self._waiting += 1
        self._room.set()
        try:
            while not self._closed:
                if self._items:
                    return self._items.popleft()
                self._filled.clear()
                await self._filled.wait()
            return None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Give nothing out any more."""
        self._closed = True
        self._room.set()
        self._filled.set()

    def take_all(self) -> list[Item]:
        """What is left."""
        rest = list(self._items)
        self._items.clear()
        return rest


class DirectSource:
    """`Source` of the broker's queue of orders."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.arn = broker.arn(ORDERS)

    def start(self) -> None:
        pass

    async def take(self) -> Message | None:
        while not (messages := await self._broker.receive(ORDERS, 1, ENDLESS_S)):
            pass
        return boto3_shape(messages[0])

    def delete(self, message: Message) -> None:
        self._broker.delete(ORDERS, [message["ReceiptHandle"]])

    async def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


class DirectQueue:
    """`ports.queue.Queue`: the same queue for the functions that put orders into it.

    Where all orders are of one account, not `by_account`, messages need no group.
    """

    def __init__(self, broker: Broker, *, by_account: bool = False) -> None:
        self._broker = broker
        self._by_account = by_account

    async def send(self, order_id: str, account: Account = LOCAL) -> None:
        body = queue_message(order_id)
        try:
            await self._broker.send(ORDERS, [self._outgoing(body, account, tracing.traceparent())])
        except SqsError as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    def _outgoing(self, body: str, account: Account, context: str) -> str | Outgoing:
        if not (context or self._by_account):
            return body
        attributes = {"traceparent": {"DataType": "String", "StringValue": context}} if context else NONE
        return Outgoing(body, attributes=attributes, group=account.id if self._by_account else "")

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`, to the millisecond."""
        try:
            self._broker.change_visibility(ORDERS, receipt, delay_ms / 1000)
        except SqsError as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    async def is_drained(self) -> bool:
        return not self._broker.queue(ORDERS).messages.visible

    async def depth(self) -> QueueDepth:
        messages = self._broker.queue(ORDERS).messages
        return QueueDepth(messages.visible, messages.in_flight, messages.delayed)

    async def check(self) -> None:
        self._broker.queue(ORDERS)
        try:
            await self._broker.written()  # what an earlier send could not write is tried again
        except SqsError as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error
