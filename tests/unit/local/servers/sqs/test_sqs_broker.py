"""Queues in process: long polls, dead letters, and what a journal restores."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from local.servers.queues import QueueSettings, declare_queues
from local.servers.sqs import journal as journals
from local.servers.sqs.broker import Broker
from local.servers.sqs.errors import (
    InvalidParameterValue,
    JournalFailed,
    MessageNotInflight,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
)
from local.servers.sqs.journal import Journal, JournalError
from local.servers.sqs.message import Message, Outgoing, boto3_shape


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def engines(broker: Broker) -> Broker:
    declare_queues(broker, QueueSettings(visibility_timeout=90, max_receive_count=2))
    return broker


def again(broker: Broker, path: Path, clock: Clock) -> Broker:
    """The broker of the next process, after the first was killed."""
    broker._journal.abandon()
    return Broker(Journal(path), clock=clock)


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]


def length(path: Path) -> int:
    return path.stat().st_size


def state(broker: Broker) -> dict[str, Any]:
    """The queues' state as a client can read it."""
    return {
        name: (
            broker.queue(name).settings.render(),
            broker.queue(name).tags,
            [
                (
                    each.message_id,
                    each.body,
                    each.receive_count,
                    each.visible_at_ms,
                    each.source_arn,
                    each.ticket == 0,
                )
                for each in broker.queue(name).messages
            ],
        )
        for name in broker.queues
    }


# Long polls


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


# Receipts and attributes


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


# The journal


async def every_operation(broker: Broker, clock: Clock) -> None:
    """Write every kind of record."""
    engines(broker)
    broker.create("other", {"DelaySeconds": "7"})
    broker.set_tags("other", {"team": "orders"})
    await broker.send("other", ["delayed", Outgoing("at once", delay_s=0)])
    attributes = {"k": {"DataType": "String", "StringValue": "ü"}}
    await broker.send("orders", [*"abcdef", Outgoing("g", attributes=attributes, trace_header="Root=1")])
    messages = await broker.receive("orders", 5)
    broker.delete("orders", [messages[0].receipt])
    broker.change_visibility("orders", messages[1].receipt, 0)
    broker.change_visibility("orders", messages[2].receipt, 300)
    clock.ms += 91_000
    await broker.receive("orders", 6, visibility_s=10)
    clock.ms += 11_000
    await broker.receive("orders", 4, visibility_s=30)
    broker.move(broker.queue("orders-dlq"), 1, None)
    broker.create("gone")
    await broker.send("gone", ["x"])
    broker.delete_queue("gone")
    broker.create("purged")
    await broker.send("purged", ["x"])
    broker.purge("purged")
    await broker.written()


async def test_a_kill_loses_nothing(path: Path, clock: Clock) -> None:
    broker = Broker(Journal(path), clock=clock)
    await every_operation(broker, clock)
    before = state(broker)
    assert len(before["orders-dlq"][2]) >= 1
    broker = again(broker, path, clock)
    assert state(broker) == before
    clock.ms += 30_000
    assert bodies(await broker.receive("orders", 10)) != []


async def test_a_rewritten_journal_has_the_same_content(path: Path, clock: Clock) -> None:
    broker = Broker(Journal(path), clock=clock)
    await every_operation(broker, clock)
    before, whole = state(broker), length(path)
    broker.close()
    assert length(path) < whole
    assert state(Broker(Journal(path), clock=clock)) == before


async def test_a_truncated_line_is_dropped_and_the_next_is_complete(path: Path, clock: Clock) -> None:
    broker = engines(Broker(Journal(path), clock=clock))
    await broker.send("orders", ["a"])
    with path.open("ab") as file:
        file.write(b'[["send",1,"orders",[["half')
    broker = again(broker, path, clock)
    await broker.send("orders", ["b"])
    assert bodies(await again(broker, path, clock).receive("orders", 10)) == ["a", "b"]


@pytest.mark.parametrize("cut", range(1, 40, 3))
async def test_an_interrupted_write_loses_nothing_before_it(path: Path, clock: Clock, cut: int) -> None:
    broker = engines(Broker(Journal(path), clock=clock))
    await broker.send("orders", ["a"])
    whole = length(path)
    await broker.send("orders", ["b"])
    broker._journal.abandon()
    os.truncate(path, whole + cut)
    broker = Broker(Journal(path), clock=clock)
    assert bodies(await broker.receive("orders", 10)) == ["a"]


def test_a_damaged_journal_is_named_and_left_unchanged(path: Path) -> None:
    path.write_text("nonsense\n[]\n")
    with pytest.raises(JournalError, match=r"Line 1 of .*journal is damaged"):
        Broker(Journal(path))
    assert path.read_text() == "nonsense\n[]\n"


async def test_a_journal_belongs_to_one_process(path: Path) -> None:
    held = Journal(path)
    with pytest.raises(JournalError, match="in use"):
        Journal(path)
    held.abandon()


async def test_the_journals_size_stays_in_proportion_to_its_messages(path: Path, clock: Clock) -> None:
    broker = engines(Broker(Journal(path, keeps_bytes=20_000), clock=clock))
    longest = 0
    for number in range(500):
        await broker.send("orders", [f"{number} {'x' * 100}"])
        [message] = await broker.receive("orders")
        broker.delete("orders", [message.receipt])
        longest = max(longest, length(path))
    assert longest < 25_000
    await broker.send("orders", ["last"])
    assert bodies(await again(broker, path, clock).receive("orders", 10)) == ["last"]


async def test_concurrent_sends_are_written_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = engines(Broker(Journal(path)))
    await broker.written()
    writes = []
    write_line = journals._write_line
    monkeypatch.setattr(journals, "_write_line", lambda *given: writes.append(1) or write_line(*given))
    await asyncio.gather(*(broker.send("orders", [str(number)]) for number in range(100)))
    assert len(writes) == 1


async def test_a_full_disk_fails_the_send_and_harms_no_line(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    broker = engines(Broker(Journal(path), clock=clock))
    await broker.written()
    write = os.write

    def half(file: int, data: memoryview) -> int:
        write(file, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journals.os, "write", half)
    with pytest.raises(JournalFailed, match="No space left"):
        await broker.send("orders", ["a"])
    monkeypatch.setattr(journals.os, "write", write)
    await broker.send("orders", ["b"])
    assert bodies(await again(broker, path, clock).receive("orders", 10)) == ["a", "b"]


async def test_missing_queues_are_declared_again(path: Path, clock: Clock) -> None:
    broker = engines(Broker(Journal(path), clock=clock))
    for name in ("orders", "orders-dlq"):
        broker.delete_queue(name)
    await broker.written()
    broker = again(broker, path, clock)
    assert not broker.queues
    assert set(engines(broker).queues) == {"orders", "orders-dlq"}
    redrive = broker.queue("orders").settings.redrive
    assert redrive
    assert redrive.max_receives == 2
