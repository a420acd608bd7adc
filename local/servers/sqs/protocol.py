"""SQS's JSON protocol, version 1.0: the operation in a header, its parameters and its result as JSON.

Not offered: FIFO queues, permissions, and SQS's refusals to do things twice within a minute (PurgeQueue,
making a queue that was just deleted), which would only be in the way here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .broker import LONGEST_HIDDEN_S, Broker
from .errors import (
    BatchRequestTooLong,
    InvalidAction,
    InvalidAttributeName,
    InvalidParameterValue,
    QueueDoesNotExist,
    SqsError,
)
from .message import Outgoing, md5, md5_of_attributes, wire_shape
from .moves import MoveTasks
from .named import NamedQueue
from .params import Params, message_size, parse_message

Result = dict[str, Any]
Operation = Callable[[Params], Awaitable[Result]]

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
MOST_AT_ONCE = 10
LONGEST_WAIT_S = 20
LONGEST_BATCH = 1_048_576  # bytes
LISTED = 1_000  # queues in a list without MaxResults


class Protocol:
    """Answers requests to the queues of `broker`, whose URLs begin with `url`."""

    def __init__(self, broker: Broker, url: str) -> None:
        self.moves = MoveTasks(broker)
        self._broker = broker
        self._url = url
        self._operations: dict[str, Operation] = {
            "CreateQueue": self._create_queue,
            "GetQueueUrl": self._get_queue_url,
            "ListQueues": self._list_queues,
            "DeleteQueue": self._delete_queue,
            "GetQueueAttributes": self._get_queue_attributes,
            "SetQueueAttributes": self._set_queue_attributes,
            "ListDeadLetterSourceQueues": self._list_sources,
            "PurgeQueue": self._purge_queue,
            "TagQueue": self._tag_queue,
            "UntagQueue": self._untag_queue,
            "ListQueueTags": self._list_queue_tags,
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": self._change_visibility_batch,
            "StartMessageMoveTask": self._start_move,
            "ListMessageMoveTasks": self._list_moves,
            "CancelMessageMoveTask": self._cancel_move,
        }

    async def answer(self, target: str, given: Any) -> Result:
        """The result of the operation that the header X-Amz-Target names. Raises SqsError.

        What it changed survives this process when it returns.
        """
        service, _, name = target.partition(".")
        operation = self._operations.get(name)
        if service != "AmazonSQS" or operation is None:
            raise InvalidAction(f"The action {target} is not valid for this endpoint.")
        result = await operation(Params(given))
        await self._broker.written()
        return result

    # Queues

    async def _create_queue(self, params: Params) -> Result:
        name = params.text("QueueName")
        if not NAME.match(name):
            raise InvalidParameterValue(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            )
        is_new = name not in self._broker.queues
        self._broker.create(name, params.texts("Attributes"))
        if is_new and (tags := params.texts("tags")):
            self._broker.set_tags(name, tags)
        return {"QueueUrl": self._url_of(name)}

    async def _get_queue_url(self, params: Params) -> Result:
        return {"QueueUrl": self._url_of(self._broker.queue(params.text("QueueName")).name)}

    async def _list_queues(self, params: Params) -> Result:
        prefix = params.optional_text("QueueNamePrefix")
        return self._page(
            params, [name for name in self._broker.queues if name.startswith(prefix)], "QueueUrls"
        )

    async def _list_sources(self, params: Params) -> Result:
        target = self._broker.queue(params.queue())
        names = [
            queue.name
            for queue in self._broker.queues.values()
            if queue.settings.redrive and self._broker.queue_of(queue.settings.redrive.target_arn) is target
        ]
        return self._page(params, names, "queueUrls")

    async def _delete_queue(self, params: Params) -> Result:
        name = params.queue()
        if name not in self._broker.queues:
            raise QueueDoesNotExist
        self._broker.delete_queue(name)
        return {}

    async def _get_queue_attributes(self, params: Params) -> Result:
        every = attributes_of(self._broker.queue(params.queue()))
        wanted = params.names("AttributeNames")
        if unknown := set(wanted) - KNOWN:
            raise InvalidAttributeName(f"Unknown Attribute {min(unknown)}.")
        chosen = every if "All" in wanted else {name: every[name] for name in wanted if name in every}
        return {"Attributes": chosen} if chosen else {}

    async def _set_queue_attributes(self, params: Params) -> Result:
        self._broker.set_attributes(params.queue(), params.texts("Attributes"))
        return {}

    async def _purge_queue(self, params: Params) -> Result:
        self._broker.purge(params.queue())
        return {}

    async def _tag_queue(self, params: Params) -> Result:
        queue = self._broker.queue(params.queue())
        self._broker.set_tags(queue.name, queue.tags | params.texts("Tags"))
        return {}

    async def _untag_queue(self, params: Params) -> Result:
        queue, gone = self._broker.queue(params.queue()), set(params.names("TagKeys"))
        self._broker.set_tags(queue.name, {key: tag for key, tag in queue.tags.items() if key not in gone})
        return {}

    async def _list_queue_tags(self, params: Params) -> Result:
        tags = self._broker.queue(params.queue()).tags
        return {"Tags": tags} if tags else {}

    # Messages

    async def _send(self, params: Params) -> Result:
        queue = self._broker.queue(params.queue())
        message = _checked(queue, params)
        [message_id] = await self._broker.send(queue.name, [message])
        return _receipt(message, message_id)

    async def _send_batch(self, params: Params) -> Result:
        queue, entries = self._broker.queue(params.queue()), params.entries()
        good, failed = list[tuple[str, Outgoing]](), list[Result]()
        for entry_id, entry in entries:
            try:
                good.append((entry_id, _checked(queue, entry)))
            except SqsError as error:
                failed.append(_failure(entry_id, error))
        length = sum(message_size(message) for _, message in good)
        if length > LONGEST_BATCH:
            raise BatchRequestTooLong(
                f"Batch requests cannot be longer than {LONGEST_BATCH} bytes. You have sent {length} bytes."
            )
        messages = [message for _, message in good]
        ids = await self._broker.send(queue.name, messages) if messages else []
        sent = [
            {"Id": entry_id, **_receipt(message, message_id)}
            for (entry_id, message), message_id in zip(good, ids, strict=True)
        ]
        return {"Successful": sent, "Failed": failed}

    async def _receive(self, params: Params) -> Result:
        most = params.number("MaxNumberOfMessages", 1, MOST_AT_ONCE)
        messages = await self._broker.receive(
            params.queue(),
            1 if most is None else most,
            params.number("WaitTimeSeconds", 0, LONGEST_WAIT_S),
            visibility_s=params.number("VisibilityTimeout", 0, LONGEST_HIDDEN_S),
        )
        system = params.names("AttributeNames") + params.names("MessageSystemAttributeNames")
        named = params.names("MessageAttributeNames")
        return {"Messages": [wire_shape(message, system, named) for message in messages]} if messages else {}

    async def _delete(self, params: Params) -> Result:
        [error] = self._broker.delete(params.queue(), [params.text("ReceiptHandle")])
        if error:
            raise error
        return {}

    async def _delete_batch(self, params: Params) -> Result:
        entries = params.entries()
        receipts = [entry.text("ReceiptHandle") for _, entry in entries]
        errors = self._broker.delete(params.queue(), receipts)
        return _outcome([(entry_id, error) for (entry_id, _), error in zip(entries, errors, strict=True)])

    async def _change_visibility(self, params: Params) -> Result:
        self._change(params.queue(), params)
        return {}

    async def _change_visibility_batch(self, params: Params) -> Result:
        name = self._broker.queue(params.queue()).name
        results: list[tuple[str, SqsError | None]] = []
        for entry_id, entry in params.entries():
            try:
                self._change(name, entry)
                results.append((entry_id, None))
            except SqsError as error:
                results.append((entry_id, error))
        return _outcome(results)

    def _change(self, name: str, params: Params) -> None:
        timeout_s = params.number("VisibilityTimeout", 0, LONGEST_HIDDEN_S)
        self._broker.change_visibility(name, params.text("ReceiptHandle"), timeout_s or 0)

    # Message move tasks

    async def _start_move(self, params: Params) -> Result:
        handle = self.moves.start(
            params.text("SourceArn"),
            params.optional_text("DestinationArn"),
            params.number("MaxNumberOfMessagesPerSecond", 1, 500),
        )
        return {"TaskHandle": handle}

    async def _list_moves(self, params: Params) -> Result:
        tasks = self.moves.newest(params.text("SourceArn"), params.number("MaxResults", 1, 10) or 1)
        return {"Results": [task.describe() for task in tasks]}

    async def _cancel_move(self, params: Params) -> Result:
        return {"ApproximateNumberOfMessagesMoved": self.moves.cancel(params.text("TaskHandle"))}

    # Inside

    def _url_of(self, name: str) -> str:
        return f"{self._url}/000000000000/{name}"

    def _page(self, params: Params, names: Sequence[str], key: str) -> Result:
        """Queues by name; the next page begins behind the name that NextToken is."""
        after, most = params.optional_text("NextToken"), params.number("MaxResults", 1, LISTED)
        rest = sorted(name for name in names if name > after)
        page = rest[: most or LISTED]
        result: Result = {key: [self._url_of(name) for name in page]} if page else {}
        if most and len(rest) > len(page):  # as on SQS, which gives a token only where MaxResults is given
            result["NextToken"] = page[-1]
        return result


def attributes_of(queue: NamedQueue) -> dict[str, str]:
    """All attributes of a queue."""
    messages = queue.messages
    return queue.settings.render() | {
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(queue.created_s),
        "LastModifiedTimestamp": str(queue.modified_s),
        "ApproximateNumberOfMessages": str(messages.visible),
        "ApproximateNumberOfMessagesNotVisible": str(messages.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(messages.delayed),
    }


KNOWN = {
    "All",
    *("VisibilityTimeout", "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "MessageRetentionPeriod"),
    *("MaximumMessageSize", "RedrivePolicy", "RedriveAllowPolicy", "Policy", "QueueArn", "CreatedTimestamp"),
    *("LastModifiedTimestamp", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"),
    *("ApproximateNumberOfMessagesDelayed", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId"),
    *("KmsDataKeyReusePeriodSeconds", "DeduplicationScope", "FifoThroughputLimit", "SqsManagedSseEnabled"),
}


def _checked(queue: NamedQueue, params: Params) -> Outgoing:
    message = parse_message(params)
    if message_size(message) > queue.settings.max_bytes:
        raise InvalidParameterValue(
            "One or more parameters are invalid. "
            f"Reason: Message must be shorter than {queue.settings.max_bytes} bytes."
        )
    return message


def _receipt(message: Outgoing, message_id: str) -> Result:
    result = {"MessageId": message_id, "MD5OfMessageBody": md5(message.body)}
    if message.attributes:
        result["MD5OfMessageAttributes"] = md5_of_attributes(message.attributes)
    if message.trace_header:
        trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": message.trace_header}}
        result["MD5OfMessageSystemAttributes"] = md5_of_attributes(trace)
    return result


def _outcome(results: Sequence[tuple[str, SqsError | None]]) -> Result:
    return {
        "Successful": [{"Id": entry_id} for entry_id, error in results if error is None],
        "Failed": [_failure(entry_id, error) for entry_id, error in results if error is not None],
    }


def _failure(entry_id: str, error: SqsError) -> Result:
    return {"Id": entry_id, "SenderFault": error.fault == "Sender", "Code": error.code, "Message": str(error)}
