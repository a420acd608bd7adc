"""One queue in memory. Time is passed in (ms since 1970), and nothing here does I/O.

    put ──▶ delayed ──▶ visible ──▶ in flight ──▶ removed
                          ▲ ▲            │
                          │ └────────────┘ its visibility timeout ran out, or was set to 0
                          └── put without a delay

Visible messages are in the order in which they became visible, and of several groups in turn (lanes.py).
Hidden ones (delayed or in flight) are in a heap by the moment at which they become visible. No operation
costs more than O(log n) in the backlog.
A Stored belongs to one queue for good: what moves to another is copied.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import islice

from .lanes import Lanes
from .message import GONE, VISIBLE, Stored

Entry = tuple[int, int, Stored]  # moment (ms), ticket, message; the ticket keeps equal moments in order
SLACK = 64  # entries that may be stale before anything is rebuilt


class Queue:
    """A queue whose messages live for `retention_ms`. What takes `now_ms` first catches up to it."""

    def __init__(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self.bytes = 0  # of all messages, as the journal would have them
        self._messages: dict[str, Stored] = {}
        self._visible = Lanes()
        self._in_flight = 0
        self._tickets = 0
        self._hidden = Timeline(lambda entry: entry[2].ticket == entry[1])
        self._by_age = Timeline(lambda entry: entry[2].ticket != GONE)

    @property
    def visible(self) -> int:
        """How many messages can be received."""
        return len(self._visible)

    @property
    def in_flight(self) -> int:
        """How many messages are received, neither deleted nor visible again."""
        return self._in_flight

    @property
    def delayed(self) -> int:
        """How many messages wait for the end of their delay."""
        return len(self._messages) - len(self._visible) - self._in_flight

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Stored]:
        """All messages: the visible ones lane by lane, then the hidden ones in their order."""
        yield from self._visible
        hidden = (message for message in self._messages.values() if message.ticket != VISIBLE)
        yield from sorted(hidden, key=lambda message: (message.visible_at_ms, message.ticket))

    def advance(self, now_ms: int) -> None:
        """Show what is due, and drop what is past its retention."""
        for message in self._hidden.pop_until(now_ms):
            self._leave(message)
            self._show(message)
        for message in self._by_age.pop_until(now_ms - self.retention_ms):
            self.remove(message.message_id)

    def next_visible_ms(self) -> int | None:
        """When the next hidden message becomes visible, or None."""
        return self._hidden.first()

    def put(self, message: Stored, now_ms: int) -> None:
        """Add a message, hidden until its `visible_at_ms`."""
        self.advance(now_ms)
        self._messages[message.message_id] = message
        self.bytes += message.size
        self._tickets += 1
        self._by_age.put(message.sent_ms, self._tickets, message)
        self._enter(message, now_ms)

    def take(
        self, most: int, now_ms: int, visible_at_ms: int, max_receives: int | None = None
    ) -> tuple[list[Stored], list[Stored]]:
        """Receive up to `most`. The second list was received `max_receives` times already, and is removed."""
        self.advance(now_ms)
        taken: list[Stored] = []
        dead: list[Stored] = []
        while self._visible and len(taken) < most:
            message = self._visible.next()
            if max_receives is not None and message.receives_here >= max_receives:
                self.remove(message.message_id)
                dead.append(message)
            else:
                taken.append(self._visible.take())
        for message in taken:  # after the last was taken: with a timeout of 0 they are visible again
            self._count(message, now_ms, visible_at_ms)
        return taken, dead

    def receive(self, message_id: str, now_ms: int, visible_at_ms: int) -> None:
        """Receive that very message, as a journal says that it was."""
        self.advance(now_ms)
        if message := self._messages.get(message_id):
            self._leave(message)
            self._count(message, now_ms, visible_at_ms)

    def first(self, most: int) -> list[Stored]:
        """Up to `most` visible messages, left where they are."""
        return list(islice(self._visible, most))

    def get(self, message_id: str) -> Stored | None:
        """The message, or None when it is not here."""
        return self._messages.get(message_id)

    def is_in_flight(self, message: Stored) -> bool:
        """Whether a message of this queue is received and hidden."""
        return message.ticket > VISIBLE and message.receives_here > 0

    def remove(self, message_id: str) -> Stored | None:
        """Take the message out for good; None when it is not here."""
        message = self._messages.pop(message_id, None)
        if message is not None:
            self._leave(message)
            message.ticket = GONE
            self.bytes -= message.size
        return message

    def hide_until(self, message: Stored, now_ms: int, visible_at_ms: int) -> None:
        """Change when a message of this queue becomes visible; what is past is now."""
        self._leave(message)
        message.visible_at_ms = visible_at_ms
        self._enter(message, now_ms)

    def purge(self) -> None:
        """Remove all messages."""
        for message in self._messages.values():
            message.ticket = GONE
        self._messages.clear()
        self._visible.clear()
        self._hidden.clear()
        self._by_age.clear()
        self._in_flight = self.bytes = 0

    def _count(self, message: Stored, now_ms: int, visible_at_ms: int) -> None:
        message.receive_count += 1
        message.first_received_ms = message.first_received_ms or now_ms
        message.visible_at_ms = visible_at_ms
        self._enter(message, now_ms)

    def _enter(self, message: Stored, now_ms: int) -> None:
        if message.visible_at_ms <= now_ms:
            self._show(message)
            return
        self._tickets += 1
        message.ticket = self._tickets
        if message.receives_here:
            self._in_flight += 1
        self._hidden.put(message.visible_at_ms, message.ticket, message)

    def _show(self, message: Stored) -> None:
        message.ticket = VISIBLE
        self._visible.add(message)

    def _leave(self, message: Stored) -> None:
        """Out of the visible or the hidden ones; its entry in a heap becomes stale with its next ticket."""
        if message.ticket == VISIBLE:
            self._visible.remove(message)
        elif message.receives_here:
            self._in_flight -= 1


class Timeline:
    """A heap. An entry that `is_live` denies is skipped when it comes up; none is searched for.

    When stale entries outnumber the live ones the heap is built again without them, which costs O(1) for
    each of them; so a message that is deleted long before its moment does not stay in memory until then.
    """

    def __init__(self, is_live: Callable[[Entry], bool]) -> None:
        self._is_live = is_live
        self._heap: list[Entry] = []
        self._sorted_out_at = SLACK

    def put(self, moment_ms: int, ticket: int, message: Stored) -> None:
        """Add an entry."""
        heapq.heappush(self._heap, (moment_ms, ticket, message))
        if len(self._heap) > self._sorted_out_at:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)
            self._sorted_out_at = 2 * len(self._heap) + SLACK

    def first(self) -> int | None:
        """The earliest moment (ms), or None."""
        heap = self._heap
        while heap and not self._is_live(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_until(self, now_ms: int) -> Iterator[Stored]:
        """Take out the messages whose moment has come, in order."""
        heap = self._heap
        while heap and heap[0][0] <= now_ms:
            entry = heapq.heappop(heap)
            if self._is_live(entry):
                yield entry[2]

    def clear(self) -> None:
        """Forget all entries."""
        self._heap.clear()
