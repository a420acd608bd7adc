"""EventBridge's part: a function invoked every so often, never twice at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..calls import LambdaContext, call
from ..process import finish
from .events import schedule_event

TIMEOUT_S = 60.0

log = logging.getLogger(__name__)


class Schedule:
    """Invokes `handler` every `every_s` seconds. `async with` starts and stops it."""

    def __init__(
        self,
        handler: Callable[[dict[str, Any], Any], Any],
        every_s: float,
        *,
        name: str = "schedule",
        first_after_s: float | None = None,
        grace_s: float = 2.0,
    ) -> None:
        self._handler = handler
        self._every_s = every_s
        self._name = name
        self._first_after_s = every_s if first_after_s is None else first_after_s
        self._grace_s = grace_s
        self._failing = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to count, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Begin no other turn; wait for the one that runs, for `grace_s` at most."""
        self._stopping.set()
        if self._task:
            await finish([self._task], self._grace_s)

    async def __aenter__(self) -> Schedule:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._first_after_s
        while not await self._stopped_before(due):
            await self._invoke()
            # A turn that took longer than a period is followed by the next one that is still to come.
            due += self._every_s * max(1, -(-(loop.time() - due) // self._every_s))

    async def _stopped_before(self, due: float) -> bool:
        try:
            async with asyncio.timeout_at(due):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    async def _invoke(self) -> None:
        event, context = schedule_event(self._name), LambdaContext(self._name, TIMEOUT_S)
        try:
            await call(self._handler, event, context)
        except Exception:
            if not self._failing:  # said once, for some schedules come by often
                log.exception("%s raised, and is tried again every %g s", self._name, self._every_s)
            self._failing = True
            return
        if self._failing:
            log.warning("%s works again", self._name)
        self._failing = False
