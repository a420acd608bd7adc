"""A queue with what the broker knows of it: its name, its settings, and the long polls that wait for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from .attributes import Settings
from .queue import Queue


class LongPolls:
    """The receivers that wait for a message, first come first served.

    Being woken is a hint: a receiver looks for messages then, and passes the hint on when some are left.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, timeout_s: float) -> None:
        """Return when woken, or after `timeout_s`."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting[woken] = None
        timer = loop.call_later(timeout_s, _finish, woken)
        try:
            await woken
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self.wake()  # the message that woke us is for the next
            raise
        finally:
            timer.cancel()
            self._waiting.pop(woken, None)
            if not self._waiting and self._timer:
                self._timer.cancel()

    def wake(self) -> None:
        """Wake the one who waits longest."""
        if self._waiting:
            _finish(self._waiting.popitem(last=False)[0])

    def wake_all(self) -> None:
        """Wake all, for the queue is gone or closed."""
        while self._waiting:
            self.wake()

    def wake_in(self, delay_s: float | None) -> None:
        """Wake one after `delay_s`, instead of whenever that was to be; None is not at all."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.wake)


@dataclass(eq=False)
class NamedQueue:
    """`created_s` and `modified_s` are seconds since 1970."""

    name: str
    arn: str
    settings: Settings
    created_s: int
    modified_s: int
    messages: Queue = field(init=False)
    tags: dict[str, str] = field(default_factory=dict)
    polls: LongPolls = field(default_factory=LongPolls)
    is_deleted: bool = False

    def __post_init__(self) -> None:
        self.messages = Queue(1000 * self.settings.retention_s)

    def set(self, settings: Settings, now_s: int) -> None:
        """Take other settings; they count for the messages that are in it already."""
        self.settings, self.modified_s = settings, now_s
        self.messages.retention_ms = 1000 * settings.retention_s


def _finish(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
