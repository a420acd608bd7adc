"""An SQS that answers and refuses sends: the check says so, and puts nothing into the queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from chalicelib.adapters.aws.queue import SqsQueue
from chalicelib.api.wire.queue import queue_message
from chalicelib.domain.errors import TemporarilyUnavailable

from local.services import Endpoints

DENIED = (403, {"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no sqs:SendMessage"})
OVERLOADED = (503, {"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "later"})
NO_KEY = (200, {"Failed": [{"Id": "0", "Code": "KMS.AccessDeniedException", "SenderFault": True}]})
INVALID = (200, {"Failed": [{"Id": "0", "Code": "InvalidMessageContents", "SenderFault": True}]})
INVALID_BATCH = (400, {"__type": "com.amazonaws.sqs#InvalidParameterValue", "message": "DelaySeconds"})


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, services: Endpoints) -> None:
    for name, value in services.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@contextmanager
def sqs(status: int, sent: dict[str, Any]) -> Iterator[SqsQueue]:
    """A queue that answers sends so, and everything else as one that is well."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            is_send = self.headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
            body = json.dumps(sent if is_send else {"Attributes": {"QueueArn": "arn"}}).encode()
            self.send_response(status if is_send else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield SqsQueue(f"{url}/000000000000/orders", queue_message, endpoint_url=url)
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize("answer", [DENIED, OVERLOADED, NO_KEY], ids=["denied", "overloaded", "no key"])
async def test_the_check_fails_while_sends_are_refused(answer: tuple[int, dict[str, Any]]) -> None:
    with sqs(*answer) as queue:
        with pytest.raises(TemporarilyUnavailable):
            await queue.check()
        with pytest.raises(TemporarilyUnavailable):
            await queue.send("order")


@pytest.mark.parametrize("answer", [INVALID, INVALID_BATCH], ids=["the entry", "the batch"])
async def test_a_send_that_is_refused_for_its_content_shows_that_sends_are_allowed(
    answer: tuple[int, dict[str, Any]],
) -> None:
    with sqs(*answer) as queue:
        await queue.check()


async def test_the_check_leaves_no_message(services: Endpoints) -> None:
    queue = SqsQueue(services.queue_url, queue_message, endpoint_url=services.aws_endpoint_url)
    for _ in range(3):
        await queue.check()
    found = await asyncio.to_thread(
        queue._sqs.get_queue_attributes, QueueUrl=services.queue_url, AttributeNames=["All"]
    )
    counts = {value for name, value in found["Attributes"].items() if "NumberOfMessages" in name}
    assert counts == {"0"}
