"""Asynchronous invocation of the relay function: a thread for each shard that has one running."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from types import ModuleType

from ..context import LambdaContext

log = logging.getLogger(__name__)

LONGEST_RUN_S = 900.0  # as long as Lambda lets a function run


class LocalRelayLauncher:
    """Runs `functions.relay` for a shard, once at a time. Implements RelayLauncher."""

    def __init__(self, functions: ModuleType, *, timeout_s: float = LONGEST_RUN_S) -> None:
        self._functions = functions
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: dict[int, threading.Thread] = {}
        self._asked_again: set[int] = set()
        self._stopping = False

    async def launch(self, shard: int) -> None:
        """Start a relay for the shard and don't wait for it.

        One that runs already may just have found nothing to do and be about to end: then it is run once more,
        or whoever asked would be left without.
        """
        with self._lock:
            if self._stopping:
                return
            if shard in self._running:
                self._asked_again.add(shard)
                return
            thread = threading.Thread(target=self._run, args=(shard,), name=f"relay-{shard}", daemon=True)
            self._running[shard] = thread
            thread.start()

    async def stop(self, grace_s: float = 2.0) -> None:
        """Start no more relays, and wait for those that run: the runtime's end is what ends them."""
        with self._lock:
            self._stopping = True
            running = list(self._running.values())
        if running:
            await asyncio.to_thread(_join, running, grace_s)

    def _run(self, shard: int) -> None:
        while True:
            try:
                self._functions.relay({"shard": shard}, LambdaContext("relay", self._timeout_s))
            except Exception as error:
                if not self._stopping:
                    log.error("the relay of shard %d ended: %s", shard, error, exc_info=error)
            with self._lock:
                if self._stopping or shard not in self._asked_again:
                    del self._running[shard]
                    return
                self._asked_again.discard(shard)


def _join(threads: list[threading.Thread], grace_s: float) -> None:
    deadline = time.monotonic() + grace_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
