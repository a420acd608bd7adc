"""The journal: what it restores after a kill, a broken write or a full disk, and its size."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from local.servers.sqs import journal as journals
from local.servers.sqs.broker import Broker
from local.servers.sqs.errors import JournalFailed
from local.servers.sqs.journal import Journal, JournalError
from local.servers.sqs.message import Outgoing
from tests.unit.local.servers.sqs.brokers import Clock, bodies, engines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def again(broker: Broker, path: Path, clock: Clock) -> Broker:
    """The broker of the next process, after the first was killed."""
    broker._journal.abandon()
    return Broker(Journal(path), clock=clock)


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
                    each.group,
                    each.ticket == 0,
                )
                for each in broker.queue(name).messages
            ],
        )
        for name in broker.queues
    }


async def every_operation(broker: Broker, clock: Clock) -> None:
    """Write every kind of record."""
    engines(broker)
    broker.create("other", {"DelaySeconds": "7"})
    broker.set_tags("other", {"team": "orders"})
    await broker.send("other", ["delayed", Outgoing("at once", delay_s=0)])
    attributes = {"k": {"DataType": "String", "StringValue": "ü"}}
    await broker.send("orders", [*"abcdef", Outgoing("g", attributes=attributes, trace_header="Root=1")])
    await broker.send("other", [Outgoing("grouped", group="alice"), Outgoing("grouped", group="bob")])
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

    def counted(*given: Any) -> int:
        writes.append(1)
        return write_line(*given)

    monkeypatch.setattr(journals, "_write_line", counted)
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

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(JournalFailed, match="No space left"):
        await broker.send("orders", ["a"])
    monkeypatch.setattr(os, "write", write)
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
