"""The messages of a queue that can be received: a lane for each group, and the lanes take turns.

    b3 b2 b1 ──┐
          a1 ──┼──▶ b1 a1 n1 b2 n2 b3
       n2 n1 ──┘    n: those without a group

As SQS does in a standard queue whose messages have a MessageGroupId ("fair queues"): a group of many
messages delays its own, and not those of others. SQS looks at how many of each group are in flight; in turn,
all groups that wait get as many. Every operation is O(1), in the messages and in the groups.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from .message import Stored


class Lanes:
    """Messages in the order in which they came, and of several groups one of each in turn."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, OrderedDict[str, Stored]] = OrderedDict()  # the next one's turn first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Stored]:
        """Lane by lane."""
        for lane in self._lanes.values():
            yield from lane.values()

    def add(self, message: Stored) -> None:
        """Put the message at the end of its group's lane; one that was empty has the last turn."""
        lane = self._lanes.get(message.group)
        if lane is None:
            lane = self._lanes[message.group] = OrderedDict()
        lane[message.message_id] = message
        self._count += 1

    def next(self) -> Stored:
        """The message whose turn it is. There must be one."""
        return next(iter(next(iter(self._lanes.values())).values()))

    def take(self) -> Stored:
        """Take that message out; the turn is the next lane's."""
        message = self.next()
        self.remove(message)
        if len(self._lanes) > 1 and message.group in self._lanes:
            self._lanes.move_to_end(message.group)
        return message

    def remove(self, message: Stored) -> None:
        """Take a message out wherever it is; one that is not here is left alone."""
        lane = self._lanes.get(message.group)
        if lane is None or lane.pop(message.message_id, None) is None:
            return
        self._count -= 1
        if not lane:
            del self._lanes[message.group]

    def clear(self) -> None:
        """Forget all messages."""
        self._lanes.clear()
        self._count = 0
