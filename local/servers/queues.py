"""The engine's two queues at any SQS: `orders`, and `orders-dlq`, where SQS moves what failed too often."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.config import Config

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from .sqs.broker import Broker

ORDERS, DEAD_LETTERS = "orders", "orders-dlq"
FORTNIGHT = 14 * 24 * 3600  # the longest that SQS keeps a message, s


@dataclass(frozen=True)
class QueueSettings:
    """What the deployed template sets too."""

    visibility_timeout: int = 90  # seconds a received message stays hidden
    max_receive_count: int = Config().max_attempts  # receives before a message goes to the dead-letter queue


def connect(endpoint: str, environment: dict[str, str], *, timeout: float = 5.0) -> SQSClient:
    """An SQS client for an emulator: one try, soon over, and past any proxy."""
    import boto3  # takes a quarter of a second, in which the servers are starting already
    from botocore.config import Config as ClientConfig

    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=ClientConfig(
            connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1}, proxies={}
        ),
    )


def declare_queues(broker: Broker, settings: QueueSettings) -> None:
    """Make both queues where they are missing; where they exist, their settings are updated."""
    broker.ensure(DEAD_LETTERS, _dead_letter_attributes())
    broker.ensure(ORDERS, _order_attributes(settings, broker.arn(DEAD_LETTERS)))


def create_queues(client: SQSClient, settings: QueueSettings) -> tuple[str, str]:
    """`declare_queues` by way of boto3, for an SQS that is elsewhere; URLs of `orders` and `orders-dlq`."""
    dead = _find_or_create(client, DEAD_LETTERS)
    attributes: Any = _dead_letter_attributes()
    client.set_queue_attributes(QueueUrl=dead, Attributes=attributes)
    known = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    attributes = _order_attributes(settings, known["Attributes"]["QueueArn"])
    orders = _find_or_create(client, ORDERS)
    client.set_queue_attributes(QueueUrl=orders, Attributes=attributes)
    return orders, dead


def _dead_letter_attributes() -> dict[str, str]:
    return {"MessageRetentionPeriod": str(FORTNIGHT)}


def _order_attributes(settings: QueueSettings, dead_letter_arn: str) -> dict[str, str]:
    redrive = {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": str(settings.max_receive_count)}
    return {"VisibilityTimeout": str(settings.visibility_timeout), "RedrivePolicy": json.dumps(redrive)}


def _find_or_create(client: SQSClient, name: str) -> str:
    # looked for first: to create a queue that exists with other attributes is an error
    try:
        return client.get_queue_url(QueueName=name)["QueueUrl"]
    except client.exceptions.QueueDoesNotExist:
        return client.create_queue(QueueName=name)["QueueUrl"]
