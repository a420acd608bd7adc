"""One process's engine: its settings, its adapters, its use cases, and the event loop that they all run on.

A handler is synchronous and hands one coroutine over: `runtime.run(…)`. The loop and its connections live as
long as the process, so a warm Lambda uses them again, and on one machine all handlers meet on one loop.
"""

from __future__ import annotations

import asyncio
import random
import threading
import uuid
from collections.abc import Coroutine, Mapping
from functools import cached_property
from typing import Any, TypeVar

from redis.asyncio import Redis

from .adapters.database import Database
from .adapters.dead_letters import SqsDeadLetters
from .adapters.events import RedisEvents
from .adapters.launcher import LambdaRelayLauncher
from .adapters.push import ApiGatewayPush
from .adapters.queue import SqsQueue
from .adapters.redis_pool import connect
from .adapters.registry import RedisRegistry
from .adapters.relay_channel import RedisRelayChannel
from .adapters.store import PostgresStore, StoreSettings
from .config import Config
from .domain.retry import RetryPolicy
from .services.execution import Execution, ExecutionLimits
from .services.following import Sockets, SocketSettings
from .services.health import Health, check_health
from .services.ports import Push, RelayLauncher
from .services.quoting import Quoting
from .services.redrive import Redrive
from .services.relay import Relay
from .services.submission import Submission
from .services.sweep import Sweep
from .venues.simulation import simulation
from .venues.venue import Chain, Signer, Venue

Result = TypeVar("Result")

RELAY_IDLE_S = 30.0


class Runtime:
    """The engine of this process; each part is built on first use, so a function pays for what it needs."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        push: Push | None = None,
        launcher: RelayLauncher | None = None,
    ) -> None:
        self.config = config
        self.loop = loop
        self._push = push
        self._launcher = launcher
        self._relays: set[asyncio.Task[Any]] = set()

    @cached_property
    def database(self) -> Database:
        self.config.require("database_url")
        return Database(self.config.database_url, connections=self.config.database_connections)

    @cached_property
    def redis(self) -> Redis:
        self.config.require("redis_url")
        return connect(self.config.redis_url, listeners=self.config.relay_shards)

    @cached_property
    def store(self) -> PostgresStore:
        config = self.config
        settings = StoreSettings(
            lease_ms=config.lease_ms,
            sweep_after_ms=config.sweep_after_ms,
            key_ttl_s=config.idempotency_ttl_s,
            max_outstanding=config.max_outstanding_orders,
        )
        return PostgresStore(self.database, settings)

    @cached_property
    def queue(self) -> SqsQueue:
        self.config.require("orders_queue_url")
        return SqsQueue(self.config.orders_queue_url, endpoint_url=self.config.aws_endpoint_url)

    @cached_property
    def dead_letters(self) -> SqsDeadLetters:
        self.config.require("orders_dlq_url")
        return SqsDeadLetters(self.config.orders_dlq_url, endpoint_url=self.config.aws_endpoint_url)

    @cached_property
    def events(self) -> RedisEvents:
        return RedisEvents(self.redis)

    @cached_property
    def registry(self) -> RedisRegistry:
        config = self.config
        return RedisRegistry(
            self.redis,
            shards=config.relay_shards,
            sockets_per_client=config.max_sockets_per_client,
            followings_per_socket=config.max_subscriptions,
        )

    @cached_property
    def push(self) -> Push:
        if self._push is not None:
            return self._push
        self.config.require("websocket_endpoint")
        return ApiGatewayPush(self.config.websocket_endpoint)

    @cached_property
    def launcher(self) -> RelayLauncher:
        if self._launcher is not None:
            return self._launcher
        self.config.require("relay_function")
        return LambdaRelayLauncher(self.config.relay_function, endpoint_url=self.config.aws_endpoint_url)

    @cached_property
    def submission(self) -> Submission:
        return Submission(self.store, self.queue, self.events, new_id=lambda: str(uuid.uuid4()))

    @cached_property
    def socket_settings(self) -> SocketSettings:
        return SocketSettings(self.config.websocket_url, self.config.default_slippage_bps)

    @cached_property
    def sockets(self) -> Sockets:
        return Sockets(
            self.store, self.registry, self.push, self.launcher, self.submission, self.socket_settings
        )

    @cached_property
    def world(self) -> tuple[Mapping[str, Venue], Chain, Signer]:
        """Venues, chain and wallet: here a team puts its own."""
        return simulation(self.config, self.database)

    @cached_property
    def quoting(self) -> Quoting:
        venues, _, _ = self.world
        return Quoting(venues, timeout=self.config.quote_timeout_ms / 1000)

    @cached_property
    def execution(self) -> Execution:
        venues, chain, signer = self.world
        limits = ExecutionLimits(
            confirm_timeout=self.config.confirm_timeout_ms / 1000,
            max_price_impact_bps=self.config.max_price_impact_bps,
            retry=RetryPolicy(self.config.max_attempts, self.config.retry_base_ms),
        )
        jitter = random.SystemRandom().random
        return Execution(self.store, self.events, venues, self.quoting, chain, signer, limits, jitter)

    @cached_property
    def sweep(self) -> Sweep:
        return Sweep(self.store, self.queue)

    @cached_property
    def redrive(self) -> Redrive:
        return Redrive(self.store, self.queue, self.events, self.dead_letters)

    async def health(self) -> Health:
        """Whether Postgres, Redis and the queue answer, and what the dead letters come to."""
        return await check_health(
            {"database": self.store.check, "redis": self.events.check, "queue": self.queue.check},
            self.dead_letters.summary if self.config.orders_dlq_url else None,
        )

    async def relay(self, shard: int, seconds: float) -> bool:
        """Serve a shard for `seconds`, then start its next relay if one is needed; whether it was."""
        config = self.config
        fence = uuid.uuid4().hex
        channel = RedisRelayChannel(self.redis, shard, fence, lease_ms=config.relay_lease_ms)
        relay = Relay(
            channel,
            self.store,
            self.push,
            lease=config.relay_lease_ms / 1000,
            poll=config.relay_poll_ms / 1000,
            idle=RELAY_IDLE_S,
        )
        serving = asyncio.create_task(relay.run(seconds))
        self._relays.add(serving)
        serving.add_done_callback(self._relays.discard)
        again = await serving
        if again:
            await self.launcher.launch(shard)
        return again

    async def start_missing_relays(self) -> list[int]:
        """Start a relay for every shard that has connections and none; which those were."""
        shards = await self.registry.idle_shards()
        for shard in shards:
            await self.launcher.launch(shard)
        return shards

    async def close(self) -> None:
        """End the relays that run, and close every connection that was opened."""
        relays = [*self._relays]
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
        if "redis" in self.__dict__:
            await self.redis.aclose()
        if "database" in self.__dict__:
            await self.database.close()


_current: Runtime | None = None
_lock = threading.RLock()


def start(
    config: Config,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    push: Push | None = None,
    launcher: RelayLauncher | None = None,
) -> Runtime:
    """Build this process's engine, on `loop` (a running one) or on one of its own in a thread."""
    global _current
    with _lock:
        _current = Runtime(config, loop or _loop_in_a_thread(), push, launcher)
        return _current


async def stop() -> None:
    """Close this process's engine, on its loop."""
    global _current
    with _lock:
        engine, _current = _current, None
    if engine is not None:
        await engine.close()


def current() -> Runtime:
    """This process's engine, built from the environment on first use."""
    with _lock:
        return _current or start(Config.load())


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives, run on the engine's loop; the calling thread waits."""
    return asyncio.run_coroutine_threadsafe(work, current().loop).result()


def _loop_in_a_thread() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="engine", daemon=True).start()
    return loop
