"""The event source mapping over HTTP, against the SQS server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from local.calls import wait
from local.endpoints import Endpoints, local_credentials
from local.triggers import EventSourceMapping, PolledSource
from tests.integration.gateway_app import until

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


def client_at(endpoint: str) -> SQSClient:
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
    )


class TestQueue:
    """A queue of the test's own, with a dead-letter queue behind it."""

    __test__ = False

    def __init__(self, sqs: SQSClient) -> None:
        self.sqs = sqs
        name = f"test-{uuid.uuid4()}"
        self.dead_url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": "2"}
        attributes: Any = {"VisibilityTimeout": "60", "RedrivePolicy": json.dumps(redrive)}
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def put(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries: Any = [
                {"Id": str(number), "MessageBody": body}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def source(self) -> PolledSource:
        """The queue as a mapping takes messages from it."""
        return PolledSource(self.sqs.meta.endpoint_url, self.url, "us-east-1")

    def held(self) -> int:
        """Messages in the queue, visible or not."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(count) for count in found["Attributes"].values())

    def take(self, url: str | None = None) -> list[str]:
        """Bodies of what is visible now."""
        found = self.sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def queue(services: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestQueue]:
    for name, value in local_credentials({}).items():
        monkeypatch.setenv(name, value)
    sqs = client_at(services.aws_endpoint_url)
    queue = TestQueue(sqs)
    yield queue
    sqs.delete_queue(QueueUrl=queue.url)
    sqs.delete_queue(QueueUrl=queue.dead_url)
    sqs.close()


def body_of(event: dict[str, Any]) -> str:
    return str(event["Records"][0]["body"])


def keep_bodies(bodies: list[str]) -> Callable[[dict[str, Any], Any], None]:
    """A handler that records the bodies."""
    return lambda event, _: bodies.append(body_of(event))


async def test_a_message_has_the_form_of_lambdas_event(queue: TestQueue) -> None:
    calls: list[tuple[dict[str, Any], Any]] = []
    async with EventSourceMapping(queue.source(), lambda *call: calls.append(call), name="process"):
        kind: Any = {"kind": {"DataType": "String", "StringValue": "order"}}
        queue.sqs.send_message(QueueUrl=queue.url, MessageBody="an é", MessageAttributes=kind)
        await until(lambda: calls)
    ((event, context),) = calls
    (record,) = event["Records"]
    assert record["body"] == "an é"
    assert record["messageId"] and record["receiptHandle"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert int(record["attributes"]["SentTimestamp"]) > 1_600_000_000_000
    assert record["messageAttributes"]["kind"]["stringValue"] == "order"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(queue.url.rpartition("/")[2])
    assert (context.function_name, record["awsRegion"]) == ("process", "us-east-1")
    assert 0 < context.get_remaining_time_in_millis() <= 60_000


async def test_every_message_is_handled_once_and_deleted(queue: TestQueue) -> None:
    handled: Counter[str] = Counter()
    async with EventSourceMapping(queue.source(), lambda event, _: handled.update([body_of(event)])):
        queue.put(*(str(number) for number in range(100)))
        await until(lambda: len(handled) == 100)
    assert set(handled.values()) == {1}
    assert queue.held() == 0


@pytest.mark.parametrize("failing", ["reports", "raises"])
async def test_a_failed_message_is_received_again_and_becomes_a_dead_letter(
    queue: TestQueue, failing: str
) -> None:
    counts: list[str] = []

    def fail(event: dict[str, Any], _: Any) -> Any:
        (record,) = event["Records"]
        counts.append(record["attributes"]["ApproximateReceiveCount"])
        # what the engine does with its back-off, or the test would wait out the visibility time-out
        queue.sqs.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )
        if failing == "raises":
            raise ValueError("no")
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    dead: list[str] = []

    def died() -> list[str]:
        dead.extend(queue.take(queue.dead_url))
        return dead

    async with EventSourceMapping(queue.source(), fail):
        queue.put("doomed")
        await until(died)
    assert dead == ["doomed"]
    assert counts == ["1", "2"]


async def test_never_more_than_the_concurrency_run_at_once(queue: TestQueue) -> None:
    running, peak, done = 0, 0, 0
    ten_run, loop = asyncio.Event(), asyncio.get_running_loop()

    def count(event: dict[str, Any], _: Any) -> None:
        nonlocal running, peak, done
        running += 1
        peak = max(peak, running)
        if running == 10:
            ten_run.set()
        wait(ten_run.wait(), loop)
        running -= 1
        done += 1

    async with EventSourceMapping(queue.source(), count, concurrency=10) as mapping:
        queue.put(*(str(number) for number in range(60)))
        await until(lambda: done == 60)
        assert (peak, mapping.peak_in_flight) == (10, 10)
        await until(lambda: mapping.in_flight == 0)


async def test_a_message_sent_during_a_long_poll_is_handled_at_once(queue: TestQueue) -> None:
    handled: list[str] = []
    async with EventSourceMapping(queue.source(), keep_bodies(handled)):
        for number in range(20):  # with polls at intervals, each would wait for the next poll
            queue.put(str(number))
            await until(partial(handled.count, str(number)))
    assert handled == [str(number) for number in range(20)]


async def test_a_stop_returns_messages_that_were_not_begun(queue: TestQueue) -> None:
    begun: list[str] = []
    release, loop = asyncio.Event(), asyncio.get_running_loop()

    def hold(event: dict[str, Any], _: Any) -> None:
        begun.append(body_of(event))
        wait(release.wait(), loop)

    queue.put(*(str(number) for number in range(15)))
    async with EventSourceMapping(queue.source(), hold, concurrency=2) as mapping:
        await until(lambda: len(begun) == 2)
        stopping = asyncio.create_task(mapping.stop())
        await asyncio.sleep(0)
        release.set()
        await stopping
    left: set[str] = set()

    def is_whole() -> bool:
        left.update(queue.take())
        return len(left) == 13

    await until(is_whole)
    assert left == {str(number) for number in range(15)} - set(begun)
    assert len(begun) == 2


async def test_an_unavailable_queue_is_logged_once_and_polled_again(
    queue: TestQueue, services: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[str] = []
    caplog.set_level(logging.WARNING, "local")
    # A poll that is cut off may still be given a message at the far end; then it comes again after this time.
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "1"})
    upstream = int(services.aws_endpoint_url.rpartition(":")[2])
    async with _Line(upstream) as line:
        source = PolledSource(f"http://127.0.0.1:{line.port}", queue.url, "us-east-1")
        async with EventSourceMapping(source, keep_bodies(handled)):
            queue.put("before")
            await until(lambda: handled == ["before"])
            await line.cut()
            await until(lambda: "is away" in caplog.text)
            await line.mend()
            queue.put("after")
            await until(lambda: "after" in handled)
    lines = [record.getMessage() for record in caplog.records]
    assert sum(text.startswith("the queue is away") for text in lines) == 1
    assert lines.count("the queue is back") == 1


class _Line:
    """A TCP line to a port, which can be cut and mended."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._ends: set[asyncio.StreamWriter] = set()
        self._carriers = 0
        self.port = 0

    async def __aenter__(self) -> _Line:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        self._server.close()
        await until(self._is_dead)

    def _is_dead(self) -> bool:
        for end in self._ends:
            end.transport.abort()
        return not self._carriers

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._carriers += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._ends |= {writer, far_writer}
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._ends -= {writer, far_writer}
        self._carriers -= 1


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
