"""Processes that stop before each call of a port, on a loop whose time passes only while all sleep.

A test holds every process by its gate: lets the call through, breaks it, loses its reply, or ends the process
there. What stands still stands still for as long as the test likes, as a paused machine or a slow network do.
"""

from __future__ import annotations

import asyncio
import inspect
import selectors
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Any

TASKS: ContextVar[list[asyncio.Task[Any]]] = ContextVar("TASKS")  # of the process that runs


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop with virtual time: a wait ends at once and advances the clock; `on_time` gets its length."""

    def __init__(self, on_time: Callable[[float], None]) -> None:
        self._virtual = 0.0
        self._on_time = on_time
        self._until: Callable[[], bool] = lambda: True
        super().__init__(_Idle(self._idle))

    def time(self) -> float:
        return self._virtual

    def create_task(
        self, work: Any, *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Create a task that ends with its process."""
        task = super().create_task(work, name=name, context=context)
        (context or copy_context())[TASKS].append(task)
        return task

    def run(self, until: Callable[[], bool]) -> None:
        """Run what is ready; then, unless `until` is met, let time pass until the next sleeper wakes."""
        self._until = until
        self.run_forever()

    def sleep(self, seconds: float) -> None:
        """Let time pass, and run what wakes up in it."""
        woken: list[bool] = []
        self.call_later(seconds, woken.append, True)
        self.run(lambda: bool(woken))

    def _idle(self, timeout: float | None) -> None:
        if timeout is None or self._until():
            self.stop()
        else:
            self._virtual += timeout
            self._on_time(timeout)


class _Idle(selectors.SelectSelector):
    def __init__(self, idle: Callable[[float | None], None]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            self._idle(timeout)
        return []


class Fate(Enum):
    """What becomes of a call."""

    DONE = "done"
    BROKEN = "broken"  # it never arrives
    REPLY_LOST = "reply lost"  # it is done, and fails for the caller


class Process:
    """A coroutine that stops at each gate until it is let through, and what it does in the background."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.results: dict[str, Any] = {}  # what each call gave the last time
        self._loop = loop
        self._free = False
        self._gates: deque[tuple[str, asyncio.Future[Fate]]] = deque()
        self._task: asyncio.Task[None]
        self._tasks: list[asyncio.Task[Any]] = []  # that and those in the background

    @property
    def over(self) -> bool:
        return self._task.done()

    @property
    def at(self) -> str:
        """The call it stands before."""
        return self._gates[0][0] if self._gates else "nothing"

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the first gate."""
        context = copy_context()
        context.run(TASKS.set, self._tasks)
        self._task = self._loop.create_task(work, context=context)
        self._run()

    def step(self, fate: Fate = Fate.DONE) -> None:
        """Let the call through, and run to the next gate."""
        if self._gates:
            _, gate = self._gates.popleft()
            if not gate.done():  # else its caller did not wait so long
                gate.set_result(fate)
        self._run()

    def finish(self) -> None:
        """Run to the end."""
        self._free = True
        while not self.over:
            self.step()
            assert self.over or self._gates, f"{self.name} waits for ever"

    def crash(self) -> None:
        """End here: nothing of it runs on."""
        for task in self._tasks:
            task.cancel()
        self._loop.run(lambda: True)

    async def stop_before(self, call: str) -> Fate:
        """Wait to be let through."""
        if self._free:
            return Fate.DONE
        gate: asyncio.Future[Fate] = self._loop.create_future()
        self._gates.append((call, gate))
        return await gate

    def _run(self) -> None:
        self._loop.run(lambda: self.over or bool(self._gates))
        if self.over and not self._task.cancelled():
            self._task.result()  # raises what the process did not expect


class Gated:
    """`port` as `process` sees it: each of its coroutines is a gate.

    A broken call raises `fault`; one whose reply is lost raises `lost`.
    """

    def __init__(
        self,
        port: Any,
        process: Process,
        fault: type[Exception],
        *,
        lost: type[Exception] | None = None,
        ungated: Collection[str] = (),
    ) -> None:
        self._port = port
        self._process = process
        self._fault = fault
        self._lost = lost or fault
        self._ungated = ungated

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in self._ungated or not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            fate = await self._process.stop_before(name)
            if fate is Fate.BROKEN:
                raise self._fault
            result = self._process.results[name] = await found(*arguments, **named)
            if fate is Fate.REPLY_LOST:
                raise self._lost
            return result

        return call
