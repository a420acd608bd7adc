"""The events that Lambda makes of an SQS message and of a schedule's turn."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..calls import ACCOUNT, REGION


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


def schedule_event(name: str) -> dict[str, Any]:
    """The event of a schedule's turn, as EventBridge sends it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"],
        "detail": {},
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {
        "stringValue": value.get("StringValue"),
        "binaryValue": value.get("BinaryValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    return {name: item for name, item in renamed.items() if item is not None}
