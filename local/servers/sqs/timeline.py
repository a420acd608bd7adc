"""Messages by a moment of theirs: O(log n) to put in, O(1) to look at the first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from .message import Stored

Entry = tuple[int, int, Stored]  # moment (ms), ticket, message; the ticket keeps equal moments in order
SLACK = 64  # entries that may be stale before anything is rebuilt


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
