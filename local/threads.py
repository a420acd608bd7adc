"""Threads that blocking calls run in, off the event loop: handlers, and boto3.

Not a ThreadPoolExecutor: the interpreter waits at its end for an executor's threads, so one handler that
hangs would keep a stopped engine alive. These are daemons, and a call still running at the end is let go.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")
Call = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """At most `size` threads, started when they are first needed; calls beyond that wait their turn."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    @property
    def waiting(self) -> int:
        """Calls that no thread has taken up yet."""
        return self._calls.qsize()

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """`function(*args)` in a thread. Cancelled while it waits, it is never called."""
        future: Future[Result] = Future()
        self._calls.put((future, function, args))
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._started += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads end, each after the call it is in."""
        for _ in range(self._started):
            self._calls.put(None)

    def _serve(self) -> None:
        while call := self._calls.get():
            future, function, args = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args))
                except BaseException as error:
                    future.set_exception(error)
            del call, future, function, args
            self._idle.release()
