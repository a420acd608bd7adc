"""The real runtime over servers in memory."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from types import SimpleNamespace
from typing import Any

from chalicelib import runtime
from chalicelib.config import Config

from tests.fakes.activity import MemoryActivity
from tests.fakes.chain import MemoryChain, MemorySigner
from tests.fakes.dead_letters import MemoryDeadLetters
from tests.fakes.events import MemoryEvents
from tests.fakes.kept_key import MemoryKeptKey
from tests.fakes.keys import MemoryKeys
from tests.fakes.launcher import MemoryLauncher
from tests.fakes.launches import MemoryLaunches
from tests.fakes.push import MemoryPush
from tests.fakes.queue import MemoryQueue
from tests.fakes.redis import Redis
from tests.fakes.registry import MemoryRegistry
from tests.fakes.store import MemoryStore
from tests.fakes.venue import MemoryVenue


class MemoryEngine:
    """A real `Runtime` whose servers are all in memory, on a loop of its own; current while it is open."""

    def __init__(self, **settings: Any) -> None:
        self.redis = Redis()
        config = self._config = Config(**settings)
        self.store = MemoryStore(
            key_ttl_s=config.idempotency_ttl_s, max_outstanding=config.max_outstanding_orders
        )
        self.registry = MemoryRegistry(
            self.redis,
            connections_per_client=config.max_sockets_per_client,
            subscriptions_per_connection=config.max_subscriptions,
            subscriptions_per_account=config.max_subscriptions_per_account,
        )
        self.activity = MemoryActivity(self.store)
        self.keys, self.kept_key = MemoryKeys(), MemoryKeptKey()
        self.queue, self.events = MemoryQueue(), MemoryEvents(self.redis)
        self.dead_letters = MemoryDeadLetters()
        self.push, self.launcher = MemoryPush(), MemoryLauncher()
        self.raydium, self.meteora = MemoryVenue("raydium", 150_000_000), MemoryVenue("meteora", 151_000_000)
        self.chain = MemoryChain()

    def __enter__(self) -> MemoryEngine:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        engine = runtime.start(self._config, loop=self._loop, push=self.push, launcher=self.launcher)
        venues = {venue.name: venue for venue in (self.raydium, self.meteora)}
        vars(engine).update(
            store=self.store,
            queue=self.queue,
            events=self.events,
            dead_letters=self.dead_letters,
            activity=self.activity,
            registry=self.registry,
            keys=self.keys,
            kept_key=self.kept_key,
            world=SimpleNamespace(
                venues=venues,
                chain=self.chain,
                signer=MemorySigner(),
                launches=MemoryLaunches(),
                close=partial(asyncio.sleep, 0),
            ),
        )
        return self

    def __exit__(self, *failure: object) -> None:
        asyncio.run_coroutine_threadsafe(runtime.stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
