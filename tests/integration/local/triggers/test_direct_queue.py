"""The event source mapping on a queue of the same process, and the functions' way into that queue."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalicelib.domain.account import Account
from chalicelib.domain.errors import TemporarilyUnavailable

from local.calls import wait
from local.servers.queues import DEAD_LETTERS, ORDERS, QueueSettings
from local.servers.sqs.broker import Broker
from local.servers.sqs.server import HostedSqs
from local.triggers import DirectQueue, DirectSource, EventSourceMapping
from tests.integration.gateway_app import until


@pytest.fixture
def sqs(tmp_path: Path) -> HostedSqs:
    return HostedSqs(tmp_path, "us-east-1", QueueSettings(visibility_timeout=60, max_receive_count=2))


@pytest.fixture
async def broker(sqs: HostedSqs) -> AsyncIterator[Broker]:
    sqs.start()
    async with sqs.hosting() as broker:
        yield broker
    sqs.stop()


def order_of(event: dict[str, Any]) -> str:
    return str(json.loads(event["Records"][0]["body"])["orderId"])


async def test_each_order_is_handled_once_and_its_message_deleted(broker: Broker) -> None:
    queue, handled = DirectQueue(broker), list[str]()
    async with EventSourceMapping(DirectSource(broker), lambda event, _: handled.append(order_of(event))):
        await asyncio.gather(*(queue.send(str(number)) for number in range(100)))
        await until(lambda: len(handled) == 100)
    assert handled == [str(number) for number in range(100)]
    assert not len(broker.queue(ORDERS).messages)


async def test_orders_of_several_accounts_are_handled_in_turn(broker: Broker) -> None:
    queue, handled = DirectQueue(broker, by_account=True), list[str]()
    for number in range(50):
        await queue.send(f"a{number}", Account("alice"))
    for number in range(2):
        await queue.send(f"b{number}", Account("bob"))
    async with EventSourceMapping(DirectSource(broker), lambda event, _: handled.append(order_of(event))):
        await until(lambda: len(handled) == 52)
    assert handled[:4] == ["a0", "b0", "a1", "b1"]
    assert handled[4:] == [f"a{number}" for number in range(2, 50)]


async def test_a_failed_message_is_received_again_after_its_back_off_and_becomes_a_dead_letter(
    broker: Broker,
) -> None:
    queue, loop, counts = DirectQueue(broker), asyncio.get_running_loop(), list[str]()

    def fail(event: dict[str, Any], _: Any) -> Any:
        (record,) = event["Records"]
        counts.append(record["attributes"]["ApproximateReceiveCount"])
        wait(queue.retry_in(record["receiptHandle"], 5), loop)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    async with EventSourceMapping(DirectSource(broker), fail):
        await queue.send("doomed")
        await until(lambda: broker.queue(DEAD_LETTERS).messages.visible)
    assert counts == ["1", "2"]
    assert not len(broker.queue(ORDERS).messages)


async def test_a_stop_waits_for_running_handlers_only(broker: Broker) -> None:
    queue, loop = DirectQueue(broker), asyncio.get_running_loop()
    begun, release, ended = asyncio.Event(), asyncio.Event(), list[str]()

    def hold(event: dict[str, Any], _: Any) -> None:
        begun.set()
        wait(release.wait(), loop)
        ended.append(order_of(event))

    mapping = EventSourceMapping(DirectSource(broker), hold)
    mapping.start()
    await queue.send("under way")
    await begun.wait()
    stopping = asyncio.create_task(mapping.stop())
    await queue.send("too late")
    release.set()
    await stopping
    assert ended == ["under way"]
    assert broker.queue(ORDERS).messages.visible == 1


async def test_other_processes_reach_the_same_queue_over_http(sqs: HostedSqs, broker: Broker) -> None:
    await DirectQueue(broker).send("an order")
    client = boto3.client(
        "sqs",
        endpoint_url=sqs.url,
        region_name="us-east-1",
        aws_access_key_id=sqs.key.key_id,
        aws_secret_access_key=sqs.key.secret,
    )
    found = await asyncio.to_thread(client.receive_message, QueueUrl=sqs.queue_url)
    client.close()
    assert json.loads(found["Messages"][0]["Body"]) == {"orderId": "an order"}


async def test_messages_survive_a_kill_of_the_process(sqs: HostedSqs, tmp_path: Path) -> None:
    sqs.start()
    async with sqs.hosting() as broker:
        await DirectQueue(broker).send("an order")
        (tmp_path / "copy").mkdir()  # what a killed process leaves: no clean end
        (tmp_path / "copy" / "journal").write_bytes((tmp_path / "journal").read_bytes())
    sqs.stop()
    again = HostedSqs(tmp_path / "copy", "us-east-1", QueueSettings())
    again.start()
    async with again.hosting() as broker:
        (message,) = await broker.receive(ORDERS, 1)
        assert json.loads(message.body) == {"orderId": "an order"}
    again.stop()


async def test_the_check_fails_while_the_journal_cannot_be_written(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, write = DirectQueue(broker), os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    await queue.check()
    monkeypatch.setattr(os, "write", full)
    for call in (queue.send, lambda order_id: queue.check(), lambda order_id: queue.check()):
        with pytest.raises(TemporarilyUnavailable):
            await call("order")
    monkeypatch.setattr(os, "write", write)
    await queue.check()
