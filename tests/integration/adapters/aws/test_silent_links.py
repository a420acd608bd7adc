"""Links to SQS and to @connections that fall silent and stay open: the next try takes a new connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from chalicelib.adapters.aws import push as push_module
from chalicelib.adapters.aws import sqs as sqs_module
from chalicelib.adapters.aws.clients import connect
from chalicelib.adapters.aws.push import ApiGatewayPush
from chalicelib.adapters.aws.queue import SqsQueue
from chalicelib.api.wire.queue import queue_message

from local.services import Endpoints
from local.triggers import sources
from local.triggers.sources import PolledSource
from tests.fakes import eventually
from tests.integration.adapters.aws.scripted_server import answer, scripted
from tests.link import Link

READ_S = 0.5


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, services: Endpoints) -> None:
    for name, value in services.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
async def link(services: Endpoints) -> AsyncIterator[Link]:
    async with Link.to(services.aws_endpoint_url) as link:
        yield link


def through(link: Link, queue_url: str) -> str:
    return urlunsplit(urlsplit(queue_url)._replace(netloc=urlsplit(link.url).netloc))


async def test_a_send_on_connections_that_fell_silent_is_made_on_a_new_one(
    services: Endpoints, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sqs_module,
        "connect",
        lambda endpoint_url, tries=2: connect("sqs", endpoint_url, read_s=READ_S, tries=tries),
    )
    monkeypatch.setattr("chalicelib.adapters.aws.queue.connect", sqs_module.connect)
    queue = SqsQueue(through(link, services.queue_url), queue_message, endpoint_url=link.url)
    await asyncio.gather(*(queue.send(f"order-{number}") for number in range(80)))
    assert link.connections > 1
    link.lose()
    await queue.send("order")
    await asyncio.to_thread(queue._sqs.purge_queue, QueueUrl=through(link, services.queue_url))
    queue._sqs.close()


async def test_a_push_on_connections_that_fell_silent_is_made_on_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push_module, "ANSWERS_WITHIN_S", READ_S)
    async with scripted(answer(200)) as server, Link.to(server.url) as link:
        push = ApiGatewayPush(link.url)
        await asyncio.gather(*(push.send(f"connection-{number}", "text") for number in range(8)))
        link.lose()
        began = time.monotonic()
        await asyncio.gather(*(push.send(f"connection-{number}", "text") for number in range(16)))
        assert time.monotonic() - began < 10 * READ_S
        await push.aclose()


async def test_a_long_poll_on_a_connection_that_fell_silent_is_made_on_a_new_one(
    services: Endpoints, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "ANSWERS_WITHIN_S", 1.5)
    queue = SqsQueue(services.queue_url, queue_message, endpoint_url=services.aws_endpoint_url)
    source = PolledSource(link.url, through(link, services.queue_url), "us-east-1")
    source.start()
    taking = asyncio.ensure_future(source.take())
    await eventually(lambda: link.up.bytes)
    link.lose()
    await eventually(lambda: link.connections > 1)
    await queue.send("order")  # before, the lost poll would have taken it, for as long as it is hidden
    message = await asyncio.wait_for(taking, 10)
    assert message is not None
    source.delete(message)
    await source.stop()
    await source.close()
    queue._sqs.close()
