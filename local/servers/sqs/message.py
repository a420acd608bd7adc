"""A message as it is kept in a queue, and as it is given to a receiver."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Attribute = Mapping[str, str]  # DataType, and StringValue or BinaryValue (base64), as on the wire
Attributes = Mapping[str, Attribute]

NONE: Attributes = MappingProxyType({})
SENDER = "000000000000"
VISIBLE, GONE = 0, -1  # tickets; every other is that of an entry among the hidden messages


@dataclass(slots=True, eq=False)
class Stored:
    """A message in its queue. Times are milliseconds since 1970."""

    message_id: str
    body: str
    sent_ms: int
    visible_at_ms: int
    attributes: Attributes = field(default_factory=lambda: NONE)
    trace_header: str = ""
    receive_count: int = 0  # over all queues that it was in, as SQS counts
    first_received_ms: int = 0
    source_arn: str = ""  # of the queue that gave it up, for a dead letter
    arrived_with: int = 0  # its receive count when it came into this queue
    group: str = ""
    ticket: int = VISIBLE

    @property
    def receives_here(self) -> int:
        """How often it was received from the queue that it is in."""
        return self.receive_count - self.arrived_with

    @property
    def size(self) -> int:
        """About how many bytes the journal needs for it."""
        return len(self.body) + len(self.group) + 160 + (100 * len(self.attributes) if self.attributes else 0)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received; `receipt` is good until it is received again. Times as in Stored."""

    message_id: str
    receipt: str
    body: str
    receive_count: int
    sent_ms: int
    first_received_ms: int
    attributes: Attributes = field(default_factory=lambda: NONE)
    trace_header: str = ""
    source_arn: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send that is more than a body; `delay_s` None is the queue's own delay.

    Waiting messages of several groups are received in turn.
    """

    body: str
    delay_s: int | None = None
    attributes: Attributes = field(default_factory=lambda: NONE)
    trace_header: str = ""
    group: str = ""


def received(stored: Stored) -> Message:
    """What a receiver gets of `stored`."""
    return Message(
        stored.message_id,
        f"{stored.message_id}:{stored.receive_count}",
        stored.body,
        stored.receive_count,
        stored.sent_ms,
        stored.first_received_ms,
        stored.attributes,
        stored.trace_header,
        stored.source_arn,
        stored.group,
    )


def boto3_shape(message: Message) -> dict[str, Any]:
    """`message` as boto3's receive_message gives it, with all of its attributes."""
    shape = wire_shape(message, ("All",), ("All",))
    for attribute in shape.get("MessageAttributes", {}).values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return shape


def wire_shape(message: Message, system: Iterable[str], named: Iterable[str]) -> dict[str, Any]:
    """`message` in the JSON protocol, with those system attributes and message attributes."""
    shape: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(message.body),
        "Body": message.body,
    }
    if wanted := _system(message, system):
        shape["Attributes"] = wanted
    if message.attributes and (chosen := _chosen(message.attributes, named)):
        shape["MessageAttributes"] = chosen
        shape["MD5OfMessageAttributes"] = md5_of_attributes(chosen)
    return shape


def _system(message: Message, wanted: Iterable[str]) -> dict[str, str]:
    every = {
        "SenderId": SENDER,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
    }
    if message.trace_header:
        every["AWSTraceHeader"] = message.trace_header
    if message.source_arn:
        every["DeadLetterQueueSourceArn"] = message.source_arn
    if message.group:
        every["MessageGroupId"] = message.group
    names = set(wanted)
    return every if "All" in names else {name: text for name, text in every.items() if name in names}


def _chosen(attributes: Attributes, wanted: Iterable[str]) -> dict[str, dict[str, str]]:
    names = set(wanted)
    prefixes = tuple(name.removesuffix("*") for name in names if name.endswith(".*"))
    every = "All" in names or ".*" in names
    return {
        name: dict(attribute)
        for name, attribute in attributes.items()
        if every or name in names or (prefixes and name.startswith(prefixes))
    }


def md5(text: str) -> str:
    """SQS's checksum of a body."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Attributes) -> str:
    """SQS's checksum of message attributes.

    By the developer guide, "Calculating the MD5 message digest for message attributes": in the order of their
    names, each as name, data type, one byte (1 text, 2 binary) and value, all but the byte after its length
    in four bytes, big-endian.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        kind, value = (1, attribute.get("StringValue", "").encode())
        if attribute["DataType"].startswith("Binary"):
            kind, value = (2, base64.b64decode(attribute.get("BinaryValue", "")))
        for part in (name.encode(), attribute["DataType"].encode()):
            digest.update(struct.pack(">I", len(part)) + part)
        digest.update(bytes([kind]) + struct.pack(">I", len(value)) + value)
    return digest.hexdigest()
