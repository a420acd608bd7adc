"""The queue against a real SQS API: batches, delays, dead letters, and an unavailable SQS."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from chalicelib.adapters.aws.queue import SqsQueue
from chalicelib.api.wire.queue import queue_message
from chalicelib.domain.account import Account
from chalicelib.domain.errors import TemporarilyUnavailable

from local.services import Endpoints
from tests.fakes import eventually

UNREACHABLE = "http://127.0.0.1:1"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, services: Endpoints) -> None:
    for name, value in services.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def sqs(services: Endpoints, credentials: None) -> Iterator[Any]:
    client = boto3.client("sqs", endpoint_url=services.aws_endpoint_url)
    yield client
    client.close()


class Queues:
    """Two queues of the test's own, set up like the engine's."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        name = f"test-{uuid.uuid4().hex}"
        self.dead_url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": "3"}
        attributes = {"VisibilityTimeout": "60", "RedrivePolicy": json.dumps(redrive)}
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def receive(self, url: str | None = None) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(
            QueueUrl=url or self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0,
            AttributeNames=["ApproximateReceiveCount", "MessageGroupId"],
        )
        messages: list[dict[str, Any]] = found.get("Messages", [])
        return messages

    async def take(self, messages: int, url: str | None = None) -> list[dict[str, Any]]:
        """Receive until there are that many."""
        found: list[dict[str, Any]] = []

        async def enough() -> bool:
            found.extend(await asyncio.to_thread(self.receive, url))
            return len(found) >= messages

        await eventually(enough)
        assert len(found) == messages
        return found

    def delete(self) -> None:
        for url in (self.url, self.dead_url):
            self.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def queues(sqs: Any) -> Iterator[Queues]:
    queues = Queues(sqs)
    yield queues
    queues.delete()


@pytest.fixture
def queue(queues: Queues, services: Endpoints) -> SqsQueue:
    return SqsQueue(queues.url, queue_message, endpoint_url=services.aws_endpoint_url)


def order_ids(messages: list[dict[str, Any]]) -> list[str]:
    return sorted(json.loads(message["Body"])["orderId"] for message in messages)


async def test_a_message_names_its_order(queue: SqsQueue, queues: Queues) -> None:
    await queue.send("order")
    [message] = await queues.take(1)
    assert json.loads(message["Body"]) == {"orderId": "order"}


async def test_a_message_is_of_its_accounts_group_where_there_are_several(
    queue: SqsQueue, queues: Queues, services: Endpoints
) -> None:
    by_account = SqsQueue(queues.url, queue_message, endpoint_url=services.aws_endpoint_url, by_account=True)
    alice, longest = Account("alice"), Account("a.b_c-" + "d" * 34)
    for sender, account in ((queue, alice), (by_account, alice), (by_account, longest)):
        await sender.send("order", account)
    messages = await queues.take(3)
    groups = {message["Attributes"].get("MessageGroupId") for message in messages}
    assert groups == {None, alice.id, longest.id}


async def test_twenty_five_orders_at_once_arrive_each_once(queue: SqsQueue, queues: Queues) -> None:
    sent = [f"order-{number:02}" for number in range(25)]
    await asyncio.gather(*map(queue.send, sent))
    assert order_ids(await queues.take(25)) == sent


async def test_a_retried_message_is_received_again_when_it_is_due(queue: SqsQueue, queues: Queues) -> None:
    await queue.send("order")
    [message] = await queues.take(1)
    begin = time.monotonic()
    await queue.retry_in(message["ReceiptHandle"], 1200)
    [again] = await queues.take(1)
    assert time.monotonic() - begin > 1.1
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


async def test_a_message_that_is_due_at_once_is_received_at_once(queue: SqsQueue, queues: Queues) -> None:
    await queue.send("order")
    [message] = await queues.take(1)
    async with asyncio.timeout(30):  # it would be visible again after a minute
        await queue.retry_in(message["ReceiptHandle"], 0)
        await queues.take(1)


async def test_a_queue_is_drained_when_no_message_waits_though_some_are_in_flight(
    queue: SqsQueue, queues: Queues
) -> None:
    assert await queue.is_drained()
    await queue.send("order")
    assert not await queue.is_drained()
    [message] = await queues.take(1)
    assert await queue.is_drained()
    await queue.retry_in(message["ReceiptHandle"], 0)
    assert not await queue.is_drained()


async def test_a_message_received_three_times_becomes_a_dead_letter(queue: SqsQueue, queues: Queues) -> None:
    await queue.send("order")
    for attempt in (1, 2, 3):
        [message] = await queues.take(1)
        assert message["Attributes"]["ApproximateReceiveCount"] == str(attempt)
        await queue.retry_in(message["ReceiptHandle"], 0)
    assert await asyncio.to_thread(queues.receive) == []
    assert order_ids(await queues.take(1, queues.dead_url)) == ["order"]


async def test_the_engines_own_queue_has_the_redrive_policy(services: Endpoints, sqs: Any) -> None:
    found = sqs.get_queue_attributes(QueueUrl=services.queue_url, AttributeNames=["All"])["Attributes"]
    policy = json.loads(found["RedrivePolicy"])
    assert int(policy["maxReceiveCount"]) == 3
    assert policy["deadLetterTargetArn"].endswith(":orders-dlq")


async def test_a_queue_that_answers_passes_the_check(queue: SqsQueue) -> None:
    await queue.check()


async def test_an_unavailable_sqs_is_temporarily_unavailable(credentials: None) -> None:
    queue = SqsQueue(f"{UNREACHABLE}/000000000000/orders", queue_message, endpoint_url=UNREACHABLE)
    calls = (
        queue.send("a"),
        queue.send("b"),
        queue.check(),
        queue.is_drained(),
        queue.retry_in("receipt", 0),
    )
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [TemporarilyUnavailable] * 5


async def test_a_missing_queue_is_temporarily_unavailable(queue: SqsQueue, services: Endpoints) -> None:
    queue = SqsQueue(
        f"{services.aws_endpoint_url}/000000000000/missing",
        queue_message,
        endpoint_url=services.aws_endpoint_url,
    )
    with pytest.raises(TemporarilyUnavailable):
        await queue.send("order")
