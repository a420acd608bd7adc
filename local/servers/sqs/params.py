"""The parameters of a request, and the messages in it, checked as SQS checks them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from .errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MissingParameter,
    TooManyEntriesInBatchRequest,
)
from .message import NONE, Attributes, Outgoing

MOST_ENTRIES = 10
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")

# What XML 1.0 cannot say; the rule has outlived SQS's XML.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TYPES = ("String", "Number", "Binary")
GROUP = re.compile(r"[A-Za-z0-9!-/:-@[-`{-~]{1,128}\Z")
MOST_ATTRIBUTES = 10
LONGEST_DELAY_S = 900


class Params:
    """A JSON object. Every method raises SqsError for what is missing or of the wrong type or range."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, dict):
            raise InvalidParameterValue("The request must be a JSON object.")
        self._given: dict[str, Any] = given

    def text(self, name: str) -> str:
        """A text that is there and not empty."""
        if found := self.optional_text(name):
            return found
        raise MissingParameter(f"The request must contain the parameter {name}.")

    def optional_text(self, name: str) -> str:
        """A text; empty when it is missing."""
        found = self._given.get(name)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise InvalidParameterValue(f"The parameter {name} must be a string.")
        return found

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number in that range; None when it is missing."""
        found = self._given.get(name)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise InvalidParameterValue(
                f"Value {found} for parameter {name} is invalid. "
                f"Reason: Must be between {least} and {most}, if provided."
            )
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; empty when it is missing."""
        found = self._given.get(name) or {}
        if not isinstance(found, dict):
            raise InvalidParameterValue(f"The parameter {name} must be a map.")
        return found

    def texts(self, name: str) -> dict[str, str]:
        """An object whose values are texts."""
        found = self.mapping(name)
        if not all(isinstance(text, str) for text in found.values()):
            raise InvalidParameterValue(f"The values of {name} must be strings.")
        return found

    def names(self, name: str) -> list[str]:
        """A list of texts; empty when it is missing."""
        found = self._given.get(name) or []
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise InvalidParameterValue(f"The parameter {name} must be a list of strings.")
        return found

    def queue(self) -> str:
        """The name in QueueUrl. Only its path counts, for the port may be that of an earlier run."""
        return urlsplit(self.text("QueueUrl")).path.rpartition("/")[2]

    def entries(self) -> Sequence[tuple[str, Params]]:
        """The entries of a batch with their ids."""
        found = self._given.get("Entries") or []
        if not isinstance(found, list):
            raise InvalidParameterValue("The parameter Entries must be a list.")
        if not found:
            raise EmptyBatchRequest
        if len(found) > MOST_ENTRIES:
            raise TooManyEntriesInBatchRequest(
                f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(found)}."
            )
        entries = [(entry.text("Id"), entry) for entry in map(Params, found)]
        seen = set[str]()
        for entry_id, _ in entries:
            if not ENTRY_ID.match(entry_id):
                raise InvalidBatchEntryId
            if entry_id in seen:
                raise BatchEntryIdsNotDistinct(f"Id {entry_id} repeated.")
            seen.add(entry_id)
        return entries


def parse_message(params: Params) -> Outgoing:
    """The message of a request or of an entry. Raises SqsError."""
    body = params.text("MessageBody")
    if FORBIDDEN.search(body):
        raise InvalidMessageContents("Invalid characters found in the message body.")
    system = params.mapping("MessageSystemAttributes")
    if unknown := set(system) - {"AWSTraceHeader"}:
        raise InvalidParameterValue(f"Message system attribute name '{unknown.pop()}' is invalid.")
    trace = _attributes(system)
    group = params.optional_text("MessageGroupId")
    if group and not GROUP.match(group):
        raise InvalidParameterValue(
            f"Value {group[:200]} for parameter MessageGroupId is invalid. Reason: MessageGroupId "
            "can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )
    return Outgoing(
        body,
        params.number("DelaySeconds", 0, LONGEST_DELAY_S),
        _attributes(params.mapping("MessageAttributes")),
        trace["AWSTraceHeader"].get("StringValue", "") if trace else "",
        group,
    )


def message_size(message: Outgoing) -> int:
    """Its length in bytes as SQS counts it: the body, and each attribute's name, type and value."""
    total = len(message.body.encode())
    for name, attribute in message.attributes.items():
        total += len(name.encode()) + len(attribute["DataType"].encode())
        total += len(attribute.get("StringValue", "").encode())
        total += len(base64.b64decode(attribute.get("BinaryValue", "")))
    return total


def _attributes(given: dict[str, Any]) -> Attributes:
    if not given:
        return NONE
    if len(given) > MOST_ATTRIBUTES:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    return {name: _attribute(name, value) for name, value in given.items()}


def _attribute(name: str, value: Any) -> dict[str, str]:
    attribute = Params(value)
    data_type = attribute.optional_text("DataType")
    kind = data_type.partition(".")[0]
    if kind not in TYPES:
        raise InvalidParameterValue(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    field = "BinaryValue" if kind == "Binary" else "StringValue"
    text = attribute.optional_text(field)
    if not text:
        raise InvalidParameterValue(
            f"The message attribute '{name}' must contain non-empty message attribute value "
            f"for message attribute type '{data_type}'."
        )
    if kind == "Binary":
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise InvalidParameterValue(f"The message attribute '{name}' is not base64.") from None
    elif FORBIDDEN.search(text):
        raise InvalidMessageContents(f"Invalid characters found in the message attribute '{name}'.")
    return {"DataType": data_type, field: text}
