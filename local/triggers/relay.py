"""Asynchronous invocation of the relay function: a task for each shard that has one running."""

from __future__ import annotations

import asyncio
import logging
from types import ModuleType

from ..calls import LambdaContext, call

log = logging.getLogger(__name__)

LONGEST_RUN_S = 900.0  # as long as Lambda lets a function run


class LocalRelayLauncher:
    """`ports.live.RelayLauncher`: runs `functions.relay` in this process, once at a time for each shard."""

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
