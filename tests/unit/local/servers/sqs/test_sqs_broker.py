"""Queues in process: long polls, receipts, attributes and dead letters."""

from __future__ import annotations

import asyncio

import pytest

from local.servers.sqs.broker import Broker
from local.servers.sqs.errors import (
    InvalidParameterValue,
    MessageNotInflight,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
)
from local.servers.sqs.message import Outgoing, boto3_shape
from tests.unit.local.servers.sqs.brokers import Clock, bodies, engines


async def test_a_poll_is_woken_by_a_message(clock: Clock) -> None:
    broker = engines(Broker(clock=clock))
    polls = [asyncio.create_task(broker.receive("orders", 10, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    await broker.send("orders", ["a"])
    async with asyncio.timeout(1):
        assert bodies(await polls[0]) == ["a"]
    assert not polls[1].done()
    broker.end_polls()
    assert await polls[1] == []


async def test_one_send_wakes_as_many_polls_as_it_has_messages_for() -> None:
    broker = engines(Broker())
    polls = [asyncio.create_task(broker.receive("orders", 1, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    await broker.send("orders", ["a", "b", "c"])
    async with asyncio.timeout(1):
        assert [bodies(found) for found in await asyncio.gather(*polls)] == [["a"], ["b"], ["c"]]


async def test_a_poll_is_woken_when_a_message_becomes_visible() -> None:
    broker = engines(Broker())
    await broker.send("orders", ["a"])
    [message] = await broker.receive("orders", visibility_s=60)
    poll = asyncio.create_task(broker.receive("orders", 1, 60))
    await asyncio.sleep(0.01)
    broker.change_visibility("orders", message.receipt, 1)
    assert not poll.done()
    async with asyncio.timeout(5):
        [found] = await poll
    assert (found.body, found.receive_count) == ("a", 2)


async def test_a_poll_for_dead_letters_is_woken_by_one() -> None:
    broker = engines(Broker())
    await broker.send("orders", ["a"])
    for _ in range(2):
        await broker.receive("orders", visibility_s=0)
    poll = asyncio.create_task(broker.receive("orders-dlq", 1, 60))
    await asyncio.sleep(0)
    assert await broker.receive("orders") == []
    async with asyncio.timeout(1):
        assert bodies(await poll) == ["a"]


async def test_a_poll_that_is_cancelled_while_it_is_woken_takes_no_message() -> None:
    broker = engines(Broker())
    first, second = (asyncio.create_task(broker.receive("orders", 1, 60)) for _ in range(2))
    await asyncio.sleep(0)
    broker.put("orders", ["a"])
    first.cancel()
    async with asyncio.timeout(1):
        assert bodies(await second) == ["a"]


async def test_a_poll_of_an_empty_queue_ends_after_its_time() -> None:
    assert await engines(Broker()).receive("orders", 1, 0.01) == []


async def test_a_poll_ends_with_its_queue() -> None:
    broker = engines(Broker())
    poll = asyncio.create_task(broker.receive("orders", 1, 60))
    await asyncio.sleep(0)
    broker.delete_queue("orders")
    with pytest.raises(QueueDoesNotExist):
        await poll


async def test_the_last_receipt_counts(clock: Clock) -> None:
    broker = engines(Broker(clock=clock))
    await broker.send("orders", ["a"])
    [first] = await broker.receive("orders", visibility_s=0)
    [last] = await broker.receive("orders")
    assert broker.delete("orders", [first.receipt]) == [None]
    assert broker.queue("orders").messages.in_flight == 1
    [wrong, right] = broker.delete("orders", ["no receipt", last.receipt])
    assert isinstance(wrong, ReceiptHandleIsInvalid)
    assert right is None
    assert len(broker.queue("orders").messages) == 0
    with pytest.raises(InvalidParameterValue):
        broker.change_visibility("orders", last.receipt, 0)


async def test_only_a_message_in_flight_can_be_hidden_for_longer(clock: Clock) -> None:
    broker = engines(Broker(clock=clock))
    await broker.send("orders", ["a"])
    [message] = await broker.receive("orders", visibility_s=0)
    with pytest.raises(MessageNotInflight):
        broker.change_visibility("orders", message.receipt, 5)


async def test_a_queue_is_created_once_with_its_attributes() -> None:
    broker = Broker()
    broker.create("q", {"DelaySeconds": "5"})
    broker.create("q", {"DelaySeconds": "5"})
    broker.create("q")
    with pytest.raises(QueueNameExists):
        broker.create("q", {"DelaySeconds": "6"})
    with pytest.raises(InvalidParameterValue, match="does not exist"):
        broker.create("r", {"RedrivePolicy": '{"deadLetterTargetArn": "arn:x:none", "maxReceiveCount": 1}'})


async def test_a_dead_letter_keeps_its_id_its_time_and_its_count(clock: Clock) -> None:
    broker = engines(Broker(clock=clock))
    [sent] = await broker.send("orders", ["a"])
    sent_at = clock.ms
    for _ in range(2):
        await broker.receive("orders")
        clock.ms += 90_000
    assert await broker.receive("orders") == []
    [dead_letter] = await broker.receive("orders-dlq")
    assert (dead_letter.message_id, dead_letter.sent_ms, dead_letter.receive_count) == (sent, sent_at, 3)
    assert dead_letter.source_arn == broker.arn("orders")


async def test_without_its_dead_letter_queue_a_message_is_received_without_limit() -> None:
    broker = engines(Broker())
    broker.delete_queue("orders-dlq")
    await broker.send("orders", ["a"])
    counts = [(await broker.receive("orders", visibility_s=0))[0].receive_count for _ in range(4)]
    assert counts == [1, 2, 3, 4]


async def test_a_message_in_boto3s_shape_has_bytes_where_boto3_has_them() -> None:
    broker = engines(Broker())
    attributes = {"b": {"DataType": "Binary", "BinaryValue": "AAE="}}
    await broker.send("orders", [Outgoing("a", attributes=attributes)])
    shape = boto3_shape((await broker.receive("orders"))[0])
    assert shape["MessageAttributes"]["b"]["BinaryValue"] == b"\0\1"
    assert shape["Attributes"]["ApproximateReceiveCount"] == "1"
