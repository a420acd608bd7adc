"""The fetching half of an event source mapping: SQS → a small buffer.

Two fetchers fill the buffer. One long-polls, for what others put into the queue and for retries that come
due. One asks at once when it is woken, for what was just submitted here: an emulator's long poll may look
only ten times a second. (Our own server's is woken by the message itself.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from botocore.exceptions import BotoCoreError, ClientError

from .buffer import Buffer
from .queue import MOST_AT_ONCE, Message, Queue
from .tasks import finish

log = logging.getLogger(__name__)

LONG_POLL_S = 1  # short enough that a stop waits for the answer and gives back what came with it
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Intake:
    """Messages as they come, a few of them ahead of their handlers."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._buffer: Buffer[Message] = Buffer(2 * MOST_AT_ONCE)
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._away = False
        self._fetchers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to fetch, on the running loop."""
        self._fetchers = [asyncio.create_task(self._poll()), asyncio.create_task(self._answer_wakes())]

    def wake(self) -> None:
        """Fetch at once."""
        self._woken.set()

    async def take(self) -> Message | None:
        """The next message; None when stopped."""
        return await self._buffer.take()

    async def stop(self) -> None:
        """Fetch no more, and give back what nobody has taken."""
        self._stopping.set()
        self._buffer.close()
        self._woken.set()
        await finish(self._fetchers, LONG_POLL_S + 1)
        with contextlib.suppress(BotoCoreError, ClientError):  # then they come back by themselves
            await self._queue.give_back(self._buffer.take_all())

    async def _poll(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            if await self._fetch(LONG_POLL_S) is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                pause_s = FIRST_PAUSE_S

    async def _answer_wakes(self) -> None:
        while not self._stopping.is_set():
            await self._woken.wait()
            self._woken.clear()
            while not self._away and await self._fetch(0):
                pass  # until the queue is empty; or away, and then it is the long poll that finds it back

    async def _fetch(self, wait_s: int) -> int | None:
        """Fetch what there is room for; how many came, or None if the queue is away."""
        room = await self._buffer.reserve(MOST_AT_ONCE)
        if not room:
            return 0
        messages: list[Message] = []
        try:
            messages = await self._queue.receive(room, wait_s)
        except (BotoCoreError, ClientError) as error:
            if not self._away:
                log.warning("the queue is away, trying until it is back: %s", error)
            self._away = True
            return None
        finally:
            self._buffer.put(messages, reserved=room)
        if self._away:
            log.warning("the queue is back")
            self._away = False
        return len(messages)
