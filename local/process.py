"""A process of ours: its event loop, the end of its tasks, and Ctrl-C or SIGTERM, which end it.

The first signal asks for a clean stop, the second one ends the process at once. Whatever way it ends, the
servers' watchdogs see to it that nothing is left running.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

Result = TypeVar("Result")


def run_on_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What `work()` gives, run on a loop of its own: uvloop's where there is one."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(work())


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # as on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def finish(tasks: Collection[asyncio.Task[None]], limit_s: float) -> None:
    """Let the tasks end by themselves for `limit_s`, and cancel those that have not."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=limit_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


class Stopped(KeyboardInterrupt):
    """A signal asked for a stop. A KeyboardInterrupt, which a loop lets pass wherever it is raised."""


class Stopping:
    """The first signal ends the work that `unless` is doing; at any other time it raises Stopped.

    An exception that is raised while Python runs a callback of its garbage collector goes nowhere. So what
    waits next looks whether a stop was asked for.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._asked = False
        self._wake: Callable[[], object] | None = None

    async def unless(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives. Raises Stopped, with `work` cancelled, on a signal."""
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(asked.set)
        if self._asked:
            asked.set()
        working, waiting = asyncio.create_task(work), asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise Stopped
        finally:
            waiting.cancel()
            working.cancel()
            await asyncio.gather(waiting, working, return_exceptions=True)

    def wait(self) -> NoReturn:
        """Do nothing until a signal comes. Raises Stopped."""
        while not self._asked:
            signal.pause()
        raise Stopped

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        self._on_first()
        if self._wake is None:
            raise Stopped
        self._wake()


@contextmanager
def signals(on_first: Callable[[], None]) -> Iterator[Stopping]:
    """Handle both signals while the block runs; `on_first` says that the stop has begun."""
    stopping = Stopping(on_first)
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stopping.handle) for number in numbers]
    try:
        yield stopping
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
