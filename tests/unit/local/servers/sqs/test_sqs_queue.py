"""One queue: its order, its counts, and that a call costs the same whatever waits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servers.sqs import queue as queues
from local.servers.sqs.message import Stored
from local.servers.sqs.queue import SLACK, Queue, Timeline

DAY = 24 * 3600 * 1000


def put(queue: Queue, name: str, now: int = 0, *, delay: int = 0, group: str = "") -> None:
    queue.put(Stored(name, f"body of {name}", now, now + delay, group=group), now)


def take(
    queue: Queue, now: int, *, most: int = 10, hidden: int = 100, receives: int | None = None
) -> list[str]:
    taken, _ = queue.take(most, now, now + hidden, receives)
    return [message.message_id for message in taken]


def counts(queue: Queue, now: int) -> tuple[int, int, int]:
    queue.advance(now)
    return queue.visible, queue.in_flight, queue.delayed


def test_messages_are_received_in_the_order_in_which_they_became_visible() -> None:
    queue = Queue(DAY)
    put(queue, "late", 0, delay=50)
    put(queue, "first", 1)
    put(queue, "second", 60)
    assert take(queue, 70) == ["first", "late", "second"]


def test_messages_of_several_groups_are_received_in_turn() -> None:
    queue = Queue(DAY)
    for number in range(4):
        put(queue, f"a{number}", group="alice")
    for name, group in (("b0", "bob"), ("n0", ""), ("b1", "bob"), ("n1", "")):
        put(queue, name, group=group)
    assert take(queue, 1, most=4) == ["a0", "b0", "n0", "a1"]
    put(queue, "c0", 2, group="carol")
    assert take(queue, 3) == ["c0", "b1", "n1", "a2", "a3"]
    assert take(queue, 101) == ["a0", "b0", "n0", "a1"]  # visible again


def test_a_message_of_a_group_that_seldom_sends_is_the_next_one_received() -> None:
    queue = Queue(DAY)
    for number in range(9):
        put(queue, f"a{number}", group="alice")
    assert take(queue, 1, most=2) == ["a0", "a1"]
    for number in range(2):
        put(queue, f"b{number}", 2, group="bob")
        assert take(queue, 3, most=2) == [f"b{number}", f"a{number + 2}"]


def test_a_message_received_too_often_takes_no_turn_of_its_group() -> None:
    queue = Queue(DAY)
    for name, group in (("a0", "alice"), ("a1", "alice"), ("b0", "bob")):
        put(queue, name, group=group)
    assert take(queue, 1, most=1, hidden=1) == ["a0"]
    queue.advance(2)
    taken, dead = queue.take(10, 2, 100, 1)
    assert [message.message_id for message in taken] == ["b0", "a1"]
    assert [message.message_id for message in dead] == ["a0"]


def test_a_received_message_is_hidden_and_then_received_again_with_its_count() -> None:
    queue = Queue(DAY)
    put(queue, "a")
    assert take(queue, 5) == ["a"]
    assert take(queue, 104) == []
    assert take(queue, 105) == ["a"]
    message = queue.get("a")
    assert message
    assert (message.receive_count, message.first_received_ms) == (2, 5)


def test_a_visibility_timeout_of_zero_returns_a_message_once_in_a_call() -> None:
    queue = Queue(DAY)
    put(queue, "a")
    put(queue, "b")
    assert take(queue, 1, hidden=0) == ["a", "b"]
    assert counts(queue, 1) == (2, 0, 0)


def test_a_message_received_too_often_is_not_received_again() -> None:
    queue = Queue(DAY)
    put(queue, "a")
    put(queue, "b", 1)
    assert take(queue, 1, most=1, hidden=0, receives=1) == ["a"]
    taken, dead = queue.take(10, 2, 100, 1)
    assert [message.message_id for message in taken] == ["b"]
    assert [message.message_id for message in dead] == ["a"]
    assert len(queue) == 1


def test_a_message_past_its_retention_is_gone_in_every_state() -> None:
    queue = Queue(1000)
    put(queue, "in flight")
    assert take(queue, 0, hidden=5000) == ["in flight"]
    put(queue, "delayed", delay=5000)
    put(queue, "visible", 500)
    assert counts(queue, 999) == (1, 1, 1)
    assert counts(queue, 1000) == (1, 0, 0)
    assert counts(queue, 1500) == (0, 0, 0)
    assert queue.bytes == 0


def test_a_purge_removes_messages_in_every_state() -> None:
    queue = Queue(DAY)
    for number in range(3):
        put(queue, str(number), delay=number)
    take(queue, 1, most=1, hidden=3)
    queue.purge()
    assert counts(queue, 100) == (0, 0, 0)
    assert queue.next_visible_ms() is None


@dataclass
class Model:
    """A queue as a plain list of (moment, order, name): slow, and plainly right."""

    clock: int = 0
    order: int = 0
    hidden_until: dict[str, tuple[int, int]] = field(default_factory=dict)
    receives: dict[str, int] = field(default_factory=dict)

    def due(self, name: str, moment: int) -> None:
        self.order += 1
        self.hidden_until[name] = (max(moment, self.clock), self.order)

    def visible(self) -> list[str]:
        ready = sorted((at, name) for name, at in self.hidden_until.items() if at[0] <= self.clock)
        return [name for _, name in ready]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "take", "show", "remove", "wait"]), st.integers(0, 7), st.integers(0, 40)
    ),
    max_size=60,
)


@given(STEPS)
def test_a_queue_behaves_like_a_plain_list(steps: list[tuple[str, int, int]]) -> None:
    queue, model = Queue(DAY), Model()
    for number, (step, which, amount) in enumerate(steps):
        names = sorted(model.hidden_until)
        name = names[which % len(names)] if names else ""
        message = queue.get(name)
        if step == "put":
            put(queue, str(number), model.clock, delay=amount)
            model.due(str(number), model.clock + amount)
            model.receives[str(number)] = 0
        elif step == "take":
            expected = model.visible()[: which + 1]
            assert take(queue, model.clock, most=which + 1, hidden=amount) == expected
            for each in expected:
                model.due(each, model.clock + amount)
                model.receives[each] += 1
        elif step == "show" and message and queue.is_in_flight(message):
            queue.hide_until(message, model.clock, model.clock + amount)
            model.due(name, model.clock + amount)
        elif step == "remove" and message:
            queue.remove(name)
            del model.hidden_until[name]
        elif step == "wait":
            model.clock += amount
        queue.advance(model.clock)
        hidden = set(model.hidden_until) - set(model.visible())
        assert queue.visible == len(model.visible())
        assert queue.in_flight == sum(model.receives[each] > 0 for each in hidden)
        assert queue.delayed == sum(model.receives[each] == 0 for each in hidden)
        assert queue.bytes == sum(message.size for message in queue)


class Counted(Timeline):
    """Counts how many entries were looked at, by which its cost grows."""

    looked_at = 0

    def __init__(self, is_live: object) -> None:
        def counted(entry: object) -> bool:
            Counted.looked_at += 1
            assert callable(is_live)
            return bool(is_live(entry))

        super().__init__(counted)


@pytest.mark.parametrize("backlog", [0, 50_000])
def test_a_call_examines_as_few_messages_in_a_backlog_as_in_an_empty_queue(
    backlog: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "Timeline", Counted)
    queue = Queue(DAY)
    for number in range(backlog):
        put(queue, f"waits {number}", 0)
    take(queue, 0, most=backlog // 2, hidden=DAY // 2)
    Counted.looked_at = 0
    for number in range(1000):
        put(queue, str(number), 1)
        for name in take(queue, 1, most=1):
            queue.remove(name)
        assert len(queue) == backlog
    assert Counted.looked_at < 16 * 1000


def test_stale_entries_do_not_accumulate() -> None:
    queue = Queue(DAY)
    for number in range(10_000):
        put(queue, str(number), number)
        take(queue, number, most=1, hidden=DAY)
        queue.remove(str(number))
    for timeline in (queue._hidden, queue._by_age):
        assert len(timeline._heap) <= 2 * SLACK
