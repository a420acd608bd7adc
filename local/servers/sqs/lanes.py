"""The messages of a queue that can be received: a lane for each group, and the lanes take turns.

    b3 b2 b1 ──┐
          a1 ──┼──▶ b1 a1 n1 b2 n2 b3
       n2 n1 ──┘    n: those without a group

As SQS does in a standard queue whose messages have a MessageGroupId ("fair queues"): a group of many
messages delays its own, and not those of others. The next turn is that of the lane whose last one is longest
ago, so a message that comes to an empty lane need not wait for one of a group that has many. SQS looks at how
many of each group are in flight; what a killed worker had received is in flight for long, and would keep its
group waiting.

An operation costs O(log n) in the groups that wait, and the same however many messages do.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator

from .message import Stored

Lane = OrderedDict[str, Stored]


class Lanes:
    """Messages in the order in which they came, and of several groups one of each in turn."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}  # none is empty
        self._turns: list[tuple[int, int, str]] = []  # a heap: a lane's last turn, and when it was put here
        self._last: dict[str, int] = {}  # the last turn of a group, while any message waits
        self._now = 0  # counts turns, and lanes that were empty
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Stored]:
        """Lane by lane."""
        for lane in self._lanes.values():
            yield from lane.values()

    def add(self, message: Stored) -> None:
        """Put the message at the end of its group's lane."""
        lane = self._lanes.get(message.group)
        if lane is None:
            lane = self._lanes[message.group] = OrderedDict()
            self._now += 1
            heapq.heappush(self._turns, (self._last.get(message.group, 0), self._now, message.group))
        lane[message.message_id] = message
        self._count += 1

    def next(self) -> Stored:
        """The message whose turn it is. There must be one."""
        return next(iter(self._lanes[self._turn()].values()))

    def take(self) -> Stored:
        """Take that message out; its lane has had its turn."""
        group = self._turn()
        _, message = self._lanes[group].popitem(last=False)
        self._count -= 1
        self._now += 1
        self._last[group] = self._now
        if self._lanes[group]:
            heapq.heapreplace(self._turns, (self._now, self._now, group))
        else:
            heapq.heappop(self._turns)
            self._close(group)
        return message

    def remove(self, message: Stored) -> None:
        """Take a message out wherever it is; one that is not here is left alone."""
        lane = self._lanes.get(message.group)
        if lane is None or lane.pop(message.message_id, None) is None:
            return
        self._count -= 1
        if not lane:
            self._close(message.group)

    def clear(self) -> None:
        """Forget all messages."""
        self._lanes.clear()
        self._turns.clear()
        self._last.clear()
        self._count = 0

    def _turn(self) -> str:
        """The group whose turn it is."""
        while True:
            last, _, group = self._turns[0]
            if group in self._lanes and self._last.get(group, 0) == last:
                return group
            heapq.heappop(self._turns)  # of a lane that was emptied by `remove`, or has had a turn since

    def _close(self, group: str) -> None:
        del self._lanes[group]
        if not self._lanes:  # nothing waits, so no turn is due
            self.clear()
