"""Our SQS server: access, long polls, and what survives a kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from chalicelib.adapters.aws.sigv4 import signed_headers

from local.servers import Sqs
from local.servers.queues import QueueSettings, declare_queues
from local.servers.sqs.broker import Broker
from local.servers.sqs.server import LONGEST_REQUEST, listen, serving
from local.signatures import AccessKey
from tests.fakes import eventually
from tests.integration.local.servers.sqs.conftest import KEY, connect

LIST_QUEUES = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}


class Signing(httpx.Auth):
    """Signs what httpx sends, as it sends it."""

    requires_request_body = True

    def __init__(self, key: AccessKey = KEY) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        credentials = ReadOnlyCredentials(self._key.key_id, self._key.secret, None)
        names = ("host", "x-amz-target", "content-type")
        signed = signed_headers(
            request.method,
            request.url.raw_path.decode(),
            {name: request.headers[name] for name in names if name in request.headers},
            request.content,
            credentials=credentials,
            service="sqs",
            region="us-east-1",
            at=time.time(),
        )
        request.headers.update(signed)
        yield request


SIGNED = Signing()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": ""},
    ],
)
def test_a_request_of_a_web_page_is_refused(ours: Sqs, headers: dict[str, str]) -> None:
    for path in ("/", "/health"):
        answer = httpx.post(ours.url + path, headers=LIST_QUEUES | headers, content=b"{}", auth=SIGNED)
        assert answer.status_code == 403
        assert "QueueUrls" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "sqs.localhost:{}"])
def test_every_name_of_this_machine_is_accepted(ours: Sqs, host: str) -> None:
    given = LIST_QUEUES | {"Host": host.format(ours.port)}
    assert httpx.post(ours.url, headers=given, content=b"{}", auth=SIGNED).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer x", "Basic dGVzdDp0ZXN0"])
def test_an_unsigned_request_gets_sqss_error(ours: Sqs, value: str) -> None:
    answer = httpx.post(ours.url, headers=LIST_QUEUES | {"Authorization": value}, content=b"{}")
    assert answer.status_code == 403
    assert answer.json()["__type"] == "com.amazonaws.sqs#MissingAuthenticationToken"
    assert answer.headers["x-amzn-query-error"] == "MissingAuthenticationToken;Sender"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (AccessKey("another", KEY.secret), "InvalidClientTokenId"),
        (AccessKey(KEY.key_id, "another"), "SignatureDoesNotMatch"),
    ],
)
def test_a_request_that_is_signed_with_another_key_gets_sqss_error(
    ours: Sqs, key: AccessKey, name: str
) -> None:
    for path in ("/", "/000000000000/orders"):
        answer = httpx.post(ours.url + path, headers=LIST_QUEUES, content=b"{}", auth=Signing(key))
        assert answer.status_code == 403
        assert answer.json()["__type"] == f"com.amazonaws.sqs#{name}"
    sqs = connect(ours.url, key)
    with pytest.raises(ClientError) as refused:
        sqs.purge_queue(QueueUrl=ours.queue_url)
    assert refused.value.response["Error"]["Code"] == name
    sqs.close()


def test_a_request_that_was_changed_on_its_way_is_refused(ours: Sqs) -> None:
    with httpx.Client() as client:
        request = client.build_request("POST", ours.url, headers=LIST_QUEUES, content=b"{}")
        request = next(SIGNED.auth_flow(request))
        assert client.send(request).status_code == 200
        request.headers["X-Amz-Target"] = "AmazonSQS.PurgeQueue"
        answer = client.send(request)
    assert (answer.status_code, answer.json()["__type"]) == (403, "com.amazonaws.sqs#SignatureDoesNotMatch")


def test_a_server_without_a_key_makes_one_and_keeps_it(tmp_path: Path) -> None:
    first = Sqs(tmp_path / "sqs", "us-east-1", QueueSettings())
    first.start()
    first.stop()
    second = Sqs(tmp_path / "sqs", "us-east-1", QueueSettings())
    second.start()
    try:
        assert second.key == first.key
        assert (tmp_path / "sqs" / "access-key").stat().st_mode & 0o777 == 0o600
        sqs = connect(second.url, second.key)
        assert second.queue_url in sqs.list_queues()["QueueUrls"]
        sqs.close()
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            connect(second.url).list_queues()
    finally:
        second.stop()


def test_an_error_has_the_form_of_sqs(ours: Sqs) -> None:
    given = LIST_QUEUES | {"X-Amz-Target": "AmazonSQS.GetQueueUrl"}
    answer = httpx.post(ours.url, headers=given, json={"QueueName": "none"}, auth=SIGNED)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert answer.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"


@pytest.mark.parametrize(
    "content",
    [b"", b"Action=ListQueues&Version=2012-11-05", b"[]", b"[" * 100_000, b'{"QueueNamePrefix": 7}', b"\xff"],
)
def test_an_invalid_request_is_answered(ours: Sqs, content: bytes) -> None:
    answer = httpx.post(ours.url, headers=LIST_QUEUES, content=content, auth=SIGNED)
    assert answer.status_code == (400 if content else 200)
    nonsense = LIST_QUEUES | {"X-Amz-Target": "AmazonSQS.Nonsense"}
    answer = httpx.post(ours.url, headers=nonsense, content=b"{}", auth=SIGNED)
    assert answer.json()["__type"] == "com.amazonaws.sqs#InvalidAction"


def test_a_request_that_is_too_long_is_refused(ours: Sqs) -> None:
    answer = httpx.post(ours.url, headers=LIST_QUEUES, content=b" " * (LONGEST_REQUEST + 1), auth=SIGNED)
    assert answer.status_code == 413


def test_a_queue_url_of_an_earlier_run_still_works(ours: Sqs) -> None:
    sqs = connect(ours.url)
    old = ours.queue_url.replace(str(ours.port), "1")
    assert sqs.get_queue_attributes(QueueUrl=old, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"]
    sqs.close()


async def test_a_message_sent_with_boto3_is_received_in_the_servers_process() -> None:
    broker = Broker()
    declare_queues(broker, QueueSettings())
    async with serving(broker, listen(), KEY) as url:
        sqs = connect(url)
        poll = asyncio.create_task(broker.receive("orders", 10, 20))
        await asyncio.sleep(0)
        queue_url = f"{url}/000000000000/orders"
        await asyncio.to_thread(sqs.send_message, QueueUrl=queue_url, MessageBody="by boto3")
        async with asyncio.timeout(5):
            assert [message.body for message in await poll] == ["by boto3"]
        sqs.close()


async def test_an_abandoned_long_poll_takes_no_message() -> None:
    broker = Broker()
    declare_queues(broker, QueueSettings())
    orders = broker.queue("orders")
    async with serving(broker, listen(), KEY) as url, httpx.AsyncClient() as client:
        given = LIST_QUEUES | {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}
        body = {"QueueUrl": f"{url}/000000000000/orders", "WaitTimeSeconds": 20}
        poll = asyncio.create_task(client.post(url, headers=given, json=body, auth=SIGNED))
        await eventually(lambda: len(orders.polls) == 1)
        poll.cancel()
        await eventually(lambda: len(orders.polls) == 0)
        await broker.send("orders", ["a"])
        assert orders.messages.visible == 1


async def test_a_stop_answers_the_open_long_polls() -> None:
    broker = Broker()
    declare_queues(broker, QueueSettings())
    async with httpx.AsyncClient() as client:
        async with serving(broker, listen(), KEY) as url:
            given = LIST_QUEUES | {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}
            body = {"QueueUrl": f"{url}/000000000000/orders", "WaitTimeSeconds": 20}
            poll = asyncio.create_task(client.post(url, headers=given, json=body, auth=SIGNED))
            await eventually(lambda: len(broker.queue("orders").polls) == 1)
        async with asyncio.timeout(5):
            assert (await poll).json() == {}


# A process that is killed


@pytest.fixture
def server(tmp_path: Path):
    server = Sqs(tmp_path / "sqs", "us-east-1", QueueSettings(60, 3), key=KEY)
    server.start()
    yield server
    server.stop()


def drain(server: Sqs) -> dict[str, int]:
    """The bodies that can be received, each with its receive count."""
    sqs, found = connect(server.url), {}
    while messages := sqs.receive_message(
        QueueUrl=server.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            found[message["Body"]] = int(message["Attributes"]["ApproximateReceiveCount"])
    sqs.close()
    return found


def test_a_kill_during_sends_loses_no_acknowledged_message(server: Sqs) -> None:
    answered: list[str] = []
    enough = threading.Event()

    def send(number: int) -> None:
        sqs = connect(server.url)
        with contextlib.suppress(Exception):  # of the kill
            for each in range(10_000):
                sqs.send_message(QueueUrl=server.queue_url, MessageBody=f"{number}-{each}")
                answered.append(f"{number}-{each}")
                if len(answered) >= 300:
                    enough.set()
        sqs.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    server.kill()
    for thread in threads:
        thread.join()
    server.start()
    found = drain(server)
    assert set(answered) <= set(found)
    assert len(found) <= len(answered) + 3  # some answers were under way


def test_in_flight_and_deleted_messages_survive_a_kill(server: Sqs) -> None:
    sqs = connect(server.url)
    for body in ("deleted", "in flight", "shown", "waits"):
        sqs.send_message(QueueUrl=server.queue_url, MessageBody=body)
    taken = {
        message["Body"]: message["ReceiptHandle"]
        for message in sqs.receive_message(QueueUrl=server.queue_url, MaxNumberOfMessages=3)["Messages"]
    }
    sqs.delete_message(QueueUrl=server.queue_url, ReceiptHandle=taken["deleted"])
    sqs.change_message_visibility(
        QueueUrl=server.queue_url, ReceiptHandle=taken["shown"], VisibilityTimeout=0
    )
    server.kill()
    server.start()
    assert drain(server) == {"shown": 2, "waits": 1}
    sqs.delete_message(
        QueueUrl=server.queue_url, ReceiptHandle=taken["in flight"]
    )  # its receipt is still good
    found = sqs.get_queue_attributes(QueueUrl=server.queue_url, AttributeNames=["All"])["Attributes"]
    assert found["ApproximateNumberOfMessagesNotVisible"] == "2"
    sqs.close()


def test_deleted_queues_are_declared_again_at_a_restart(server: Sqs) -> None:
    sqs = connect(server.url)
    for url in (server.queue_url, server.dead_letter_url):
        sqs.delete_queue(QueueUrl=url)
    server.restart()
    policy = sqs.get_queue_attributes(QueueUrl=server.queue_url, AttributeNames=["RedrivePolicy"])
    assert json.loads(policy["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 3
    sqs.close()


def test_a_second_server_on_a_journal_exits_with_an_error(server: Sqs) -> None:
    command = server.command(0)
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, **server.options(0))
    assert done.returncode == 1
    assert "is in use by another process" in done.stderr
    assert "Traceback" not in done.stderr
