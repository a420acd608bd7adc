"""A message to be sent, checked as SQS checks it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from .errors import InvalidMessageContents, InvalidParameterValue
from .message import NONE, Attributes, Outgoing
from .params import Params

# What XML 1.0 cannot say; the rule has outlived SQS's XML.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TYPES = ("String", "Number", "Binary")
MOST_ATTRIBUTES = 10
LONGEST_DELAY_S = 900


def parse(params: Params) -> Outgoing:
    """The message of a request or of an entry. Raises SqsError."""
    body = params.text("MessageBody")
    if FORBIDDEN.search(body):
        raise InvalidMessageContents("Invalid characters found in the message body.")
    system = params.mapping("MessageSystemAttributes")
    if unknown := set(system) - {"AWSTraceHeader"}:
        raise InvalidParameterValue(f"Message system attribute name '{unknown.pop()}' is invalid.")
    trace = _attributes(system)
    return Outgoing(
        body,
        params.number("DelaySeconds", 0, LONGEST_DELAY_S),
        _attributes(params.mapping("MessageAttributes")),
        trace["AWSTraceHeader"].get("StringValue", "") if trace else "",
    )


def size(message: Outgoing) -> int:
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
