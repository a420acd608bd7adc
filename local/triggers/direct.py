"""A queue of this process as a source of messages: no HTTP, and nothing received ahead."""

from __future__ import annotations

import json

from chalicelib.domain.errors import TemporarilyUnavailable

from ..servers.queues import ORDERS
from ..servers.sqs.broker import Broker
from ..servers.sqs.errors import SqsError
from ..servers.sqs.message import boto3_shape
from .mapping import Message

LONG_POLL_S = 3600.0


class DirectSource:
    """`Source` of the broker's queue of orders."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.arn = broker.arn(ORDERS)

    def start(self) -> None:
        pass

    async def take(self) -> Message | None:
        while not (messages := await self._broker.receive(ORDERS, 1, LONG_POLL_S)):
            pass
        return boto3_shape(messages[0])

    def delete(self, message: Message) -> None:
        self._broker.delete(ORDERS, [message["ReceiptHandle"]])

    async def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


class DirectQueue:
    """`ports.queue.Queue`: the same queue for the functions that put orders into it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def send(self, order_id: str) -> None:
        try:
            await self._broker.send(ORDERS, [json.dumps({"orderId": order_id})])
        except SqsError as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`, to the millisecond."""
        try:
            self._broker.change_visibility(ORDERS, receipt, delay_ms / 1000)
        except SqsError as error:
            raise TemporarilyUnavailable("The queue is not available right now.") from error

    async def is_drained(self) -> bool:
        return not self._broker.queue(ORDERS).messages.visible

    async def check(self) -> None:
        self._broker.queue(ORDERS)
