"""Runs of the triggers: the passes over a shard's pairs, under its lease, while the function's time lasts.

the schedule ─▶ the run of shard 0 ─┬▶ launches the runs of the other shards
                                    └▶ at each poll: the lease ─▶ a pass

A run whose shard is leased to another asks again at each poll. So the next minute's run goes on where this
one ends, and where one was killed, as soon as its lease is over. The lease saves quotes and protects nothing:
of two passes that would fire an order, the store lets one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

from ..domain.errors import TemporarilyUnavailable
from ..ports.live import ShardLauncher
from ..ports.store import Store
from .triggers import Pass, Shard, Triggers

log = logging.getLogger(__name__)

AT_A_TIME = 3  # passes under way
LEASE_POLLS, LEAST_LEASE_S = 3, 1.0
NOTHING = Pass(0, 0)


class TriggerRuns:
    """Runs of this process. `poll` is the time between two passes, in seconds; pairs are in `shards` parts.

    `launcher` starts the runs of the other shards; None where each has a schedule of its own.
    """

    def __init__(
        self,
        triggers: Triggers,
        store: Store,
        *,
        poll: float,
        shards: int = 1,
        launcher: ShardLauncher | None = None,
    ) -> None:
        self._triggers = triggers
        self._store = store
        self._poll = poll
        self._shards = shards
        self._launcher = launcher
        self._lease_ms = int(1000 * max(LEASE_POLLS * poll, LEAST_LEASE_S))
        self._holder = uuid.uuid4().hex
        self._failing = False

    async def launch_others(self) -> None:
        """Start a run of each shard but the first; one that can't be started is started the next time."""
        if self._launcher is None:
            return
        for shard in range(1, self._shards):
            try:
                await self._launcher.launch(shard)
            except TemporarilyUnavailable as error:
                log.warning("triggers: cannot start run shard=%d error=%r", shard, error)

    async def run(self, number: int, seconds: float) -> Pass:
        """Begin a pass every `poll` for `seconds`, at least one. A server that is unavailable is tried again.

        A pass does not wait for the one before, which may be quoting what it fires: so the time from a price
        to its orders is a poll and one pass, however long that takes.
        """
        shard = Shard(number, self._shards)
        loop = asyncio.get_running_loop()
        end, room = loop.time() + seconds, asyncio.Semaphore(AT_A_TIME)
        async with asyncio.TaskGroup() as group:
            passes = []
            while True:
                await room.acquire()
                passes.append(group.create_task(self._attempt(shard, room)))
                if loop.time() + self._poll >= end:
                    break
                await asyncio.sleep(self._poll)
        if seconds:  # the next run is another process's; a run of one pass is followed by one of this process
            await self._release(shard)
        done = [made.result() for made in passes]
        return Pass(sum(made.fired for made in done), sum(made.expired for made in done))

    async def _attempt(self, shard: Shard, room: asyncio.Semaphore) -> Pass:
        try:
            if not await self._store.lease_triggers(shard.number, self._holder, self._lease_ms):
                return NOTHING
            done = await self._triggers.once(shard)
        except TemporarilyUnavailable as error:
            if not self._failing:  # said once, for passes come often
                log.warning("triggers: pass failed, retrying at each poll error=%r", error)
            self._failing = True
            return NOTHING
        finally:
            room.release()
        if self._failing:
            log.warning("triggers: passes succeed again")
        self._failing = False
        return done

    async def _release(self, shard: Shard) -> None:
        try:
            await self._store.release_triggers(shard.number, self._holder)
        except TemporarilyUnavailable as error:
            log.debug("triggers: lease left to expire shard=%d error=%r", shard.number, error)
