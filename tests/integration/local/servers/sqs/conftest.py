"""The SQS servers that the contract is tested on: our own, ministack, and LocalStack where there is one."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.emulator import Ministack
from local.servers import Sqs
from local.servers.attached import find_emulator
from local.servers.queues import QueueSettings
from local.signatures import AccessKey

KEY = AccessKey("test", "test")  # which emulators take, too
EMULATOR = Path(sys.prefix) / "emulator" / "bin" / "python"


class MinistackSqs(Ministack):
    """ministack with SQS alone, from the emulator's environment."""

    name = "ministack"
    version = ""
    python = str(EMULATOR)
    settings = {"SERVICES": "sqs"}  # noqa: RUF012 - never changed


def connect(url: str, key: AccessKey = KEY) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=30, proxies={}),
    )


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sqs]:
    server = Sqs(tmp_path_factory.mktemp("sqs"), "us-east-1", QueueSettings(), key=KEY)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["ours", "ministack", "localstack"])
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an SQS."""
    if request.param == "ours":
        yield request.getfixturevalue("ours").url
    elif request.param == "ministack":
        if not EMULATOR.exists():
            pytest.skip("ministack is not installed: python -m local.environments emulator")
        server = MinistackSqs(tmp_path_factory.mktemp("ministack"))
        server.start()
        yield server.url
        server.stop()
    else:
        host = os.environ.get("LOCALSTACK_HOST", "")
        found = find_emulator({"LOCALSTACK_HOST": host})
        if found is None:
            pytest.skip("no LocalStack: LOCALSTACK_HOST is not set")
        yield found[0]


@pytest.fixture
def deviation(request: pytest.FixtureRequest, endpoint: str) -> None:
    """A test marked `deviates(server, reason)` is expected to fail on that server."""
    server = request.node.callspec.params["endpoint"]
    for mark in request.node.iter_markers("deviates"):
        if mark.args[0] == server:
            request.applymarker(pytest.mark.xfail(reason=mark.args[1], strict=True))


@dataclass
class Box:
    """Two queues of a test's own: `url`, and `dead` behind it after two receives."""

    sqs: Any
    url: str
    dead: str
    name: str

    def arn(self, url: str) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def send(self, body: str, **given: Any) -> Any:
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **given)

    def receive(self, url: str = "", **given: Any) -> list[dict[str, Any]]:
        options = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = self.sqs.receive_message(QueueUrl=url or self.url, **(options | given))
        return list(answer.get("Messages", []))

    def counts(self, url: str = "") -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        found = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=["All"])["Attributes"]
        which = ("", "NotVisible", "Delayed")
        return tuple(int(found[f"ApproximateNumberOfMessages{each}"]) for each in which)  # type: ignore


@pytest.fixture
def box(endpoint: str, deviation: None) -> Iterator[Box]:
    sqs, name = connect(endpoint), f"test-{uuid.uuid4()}"
    box = Box(sqs, "", sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"], name)
    redrive = {"deadLetterTargetArn": box.arn(box.dead), "maxReceiveCount": "2"}
    attributes = {"VisibilityTimeout": "30", "RedrivePolicy": json.dumps(redrive)}
    box.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    yield box
    for url in (box.url, box.dead):
        sqs.delete_queue(QueueUrl=url)
    sqs.close()
