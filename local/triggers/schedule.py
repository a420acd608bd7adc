"""Invocations without a request or a message: a function on a schedule, and the relay function on demand.

`Schedule` takes EventBridge's part, `LocalRelayLauncher` that of Lambda's asynchronous invocation.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any

from ..calls import ACCOUNT, REGION, LambdaContext, call
from ..process import finish

TIMEOUT_S = 60.0
LONGEST_RUN_S = 900.0  # as long as Lambda lets a function run


class Schedule:
    """Invokes `handler` every `every_s` seconds, with `detail` in its event. `async with` starts and stops.

    A turn at which `at_once` invocations are still running is left out.
    """

    def __init__(
        self,
        handler: Callable[[dict[str, Any], Any], Any],
        every_s: float,
        *,
        name: str = "schedule",
        first_after_s: float | None = None,
        grace_s: float = 2.0,
        at_once: int = 1,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        self._handler = handler
        self._every_s = every_s
        self._name = name
        self._first_after_s = every_s if first_after_s is None else first_after_s
        self._grace_s = grace_s
        self._at_once = at_once
        self._detail = detail or {}
        self._failing = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to count, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Begin no other turn; wait for those that run, for `grace_s` at most."""
        self._stopping.set()
        if self._task:
            await self._task
            await finish(self._running, self._grace_s)

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
            if len(self._running) < self._at_once:
                invocation = asyncio.create_task(self._invoke())
                self._running.add(invocation)
                invocation.add_done_callback(self._running.discard)
            # A loop that was held up leaves out the turns that it has missed.
            due += self._every_s * max(1, -(-(loop.time() - due) // self._every_s))

    async def _stopped_before(self, due: float) -> bool:
        try:
            async with asyncio.timeout_at(due):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    async def _invoke(self) -> None:
        event, context = schedule_event(self._name, self._detail), LambdaContext(self._name, TIMEOUT_S)
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


log = logging.getLogger(__name__)


class LocalRelayLauncher:
    """`ports.live.ShardLauncher`: runs `functions.relay` in this process, once at a time for each shard."""

    def __init__(self, functions: ModuleType, *, timeout_s: float = LONGEST_RUN_S) -> None:
        self._functions = functions
        self._timeout_s = timeout_s
        self._running: dict[int, asyncio.Task[None]] = {}
        self._requested_again: set[int] = set()
        self._stopping = False

    async def launch(self, shard: int) -> None:
        """Start a relay for the shard without waiting for it.

        A relay that is running may be ending for want of connections. So one more is run after it: the
        connection that this relay is requested for must not be left without.
        """
        if self._stopping:
            return
        if shard in self._running:
            self._requested_again.add(shard)
            return
        self._running[shard] = asyncio.create_task(self._run(shard), name=f"relay-{shard}")

    async def stop(self, grace_s: float = 2.0) -> None:
        """Start no more relays, and wait for the running ones, which `runtime.stop` ends."""
        self._stopping = True
        if self._running:
            await asyncio.wait(self._running.values(), timeout=grace_s)

    async def _run(self, shard: int) -> None:
        try:
            while True:
                self._requested_again.discard(shard)
                await self._invoke(shard)
                if self._stopping or shard not in self._requested_again:
                    return
        finally:
            del self._running[shard]

    async def _invoke(self, shard: int) -> None:
        try:
            await call(self._functions.relay, {"shard": shard}, LambdaContext("relay", self._timeout_s))
        except Exception as error:
            if not self._stopping:
                log.error("relay: failed shard=%d error=%r", shard, error, exc_info=error)


def schedule_event(name: str, detail: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The event of a schedule's turn, as EventBridge sends it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"],
        "detail": {**(detail or {})},
    }
