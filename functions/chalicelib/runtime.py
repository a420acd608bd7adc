"""One process's engine: its settings, adapters, use cases, and the event loop that they all run on.

A handler is synchronous and hands one coroutine over: `runtime.run(…)`. The loop and its connections live as
long as the process, so a warm Lambda uses them again, and on one machine all handlers meet on one loop.

Each part is imported by the property that builds it, so that a function neither builds nor imports what it
does not use; `api.prepare` has a function's parts built while it starts.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from .config import Config, ConfigError
from .domain.tokens import Token, add_tokens
from .ports import tracing

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .adapters.aws.dead_letters import SqsDeadLetters
    from .adapters.aws.kept_key import SecretKeptKey
    from .adapters.aws.push import ApiGatewayPush
    from .adapters.aws.secrets import Secret
    from .adapters.postgres.database import Database
    from .adapters.postgres.keys import PostgresKeys
    from .adapters.postgres.store import PostgresStore
    from .adapters.redis.events import RedisEvents
    from .adapters.redis.registry import RedisRegistry
    from .domain.errors import EngineError
    from .ports.activity import Activity
    from .ports.live import Push, ShardLauncher
    from .ports.metrics import Metrics
    from .ports.queue import Queue
    from .ports.trading import Audit, World
    from .services.announcing import Announcer
    from .services.authentication import Authentication
    from .services.cancellation import Cancellation
    from .services.execution import Execution
    from .services.halting import Halting
    from .services.health import Health
    from .services.keyed_hash import KeyedHash
    from .services.keys import KeyManagement
    from .services.limits import Limits
    from .services.live.subscriptions import Subscriptions
    from .services.live.supervisor import RelayRunner, RelaySupervisor
    from .services.operations import Operations
    from .services.orders import Orders
    from .services.quoting import Quoting
    from .services.redrive import Redrive
    from .services.submission import Submission
    from .services.sweep import Sweep
    from .services.tickets import Tickets
    from .services.trigger_runs import TriggerRuns
    from .services.triggers import Triggers

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Wait = Callable[[Coroutine[Any, Any, Any], asyncio.AbstractEventLoop], Any]
"""`wait(work, loop)`: what `work` gives, run on `loop`, while the handler that calls it waits."""

RELAY_IDLE_S = 30.0
GC_THRESHOLDS = (50_000, 20, 50)  # allocations, young collections, middle ones


class Runtime:
    """The engine of this process; each part is imported and built on first use."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        push: Push | None = None,
        launcher: ShardLauncher | None = None,
        queue: Queue | None = None,
        wait: Wait | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.config = config
        self.loop = loop
        self._push = push
        self._launcher = launcher
        self._queue = queue
        self._wait = wait
        self._metrics = metrics

    @cached_property
    def database(self) -> Database:
        from .adapters.postgres.database import Database

        config, login = self.config, "database_secret"
        if config.database_login == "role":
            login = "database_role_secret"
            config.require(login)
        config.require("database_url")
        secret = self._secret(getattr(config, login))
        return Database(config.database_url, secret=secret, connections=config.database_connections)

    @cached_property
    def redis(self) -> Redis:
        from .adapters.redis.pool import connect

        self.config.require("redis_url")
        secret = self._secret(self.config.redis_secret)
        return connect(self.config.redis_url, secret=secret, listeners=self.config.relay_shards)

    @cached_property
    def store(self) -> PostgresStore:
        from .adapters.postgres.store import PostgresStore, StoreSettings

        config = self.config
        settings = StoreSettings(
            lease_ms=config.lease_ms,
            sweep_after_ms=config.sweep_after_ms,
            key_ttl_s=config.idempotency_ttl_s,
            max_outstanding=config.max_outstanding_orders,
        )
        from .api.wire.events import event_detail

        return PostgresStore(self.database, settings, event_detail)

    @cached_property
    def keys(self) -> PostgresKeys:
        from .adapters.postgres.keys import PostgresKeys

        return PostgresKeys(self.database)

    @cached_property
    def authentication(self) -> Authentication | None:
        """None where the engine is open."""
        if self.config.engine_auth == "open":
            return None
        from .services.authentication import Authentication

        return Authentication(self.keys, self._keyed_hash("API keys"))

    @cached_property
    def key_management(self) -> KeyManagement:
        from .services.keys import KeyManagement

        return KeyManagement(self.keys, self._keyed_hash("API keys"))

    @cached_property
    def kept_key(self) -> SecretKeptKey:
        from .adapters.aws.kept_key import SecretKeptKey

        self.config.require("admin_key_secret")
        return SecretKeptKey(self.config.admin_key_secret, endpoint_url=self.config.aws_endpoint_url)

    @cached_property
    def tickets(self) -> Tickets:
        from .services.tickets import Tickets

        return Tickets(self._keyed_hash("tickets"), self.registry, ttl_ms=self.config.ticket_ttl_ms)

    @cached_property
    def limits(self) -> Limits | None:
        """None where requests are not limited."""
        config = self.config
        if config.engine_auth == "open" or not config.rate_limit_per_s:
            return None
        from .adapters.redis.rates import RedisRates
        from .ports.rates import Rate
        from .services.limits import Limits

        return Limits(RedisRates(self.redis), Rate(config.rate_limit_per_s, config.rate_burst))

    def _keyed_hash(self, purpose: str) -> KeyedHash:
        from .services.keyed_hash import KeyedHash

        config = self.config
        if not config.key_pepper_secret:
            config.require("key_pepper")
        secret = self._pepper_secret

        async def peppers() -> Sequence[bytes]:
            text = config.key_pepper if secret is None else (await secret.current()).password
            return [pepper.strip().encode() for pepper in text.split(",")]

        return KeyedHash(peppers, purpose)

    @cached_property
    def _pepper_secret(self) -> Secret | None:
        return self._secret(self.config.key_pepper_secret)

    @cached_property
    def queue(self) -> Queue:
        if self._queue is not None:
            return self._queue
        from .adapters.aws.queue import SqsQueue
        from .api.wire.queue import queue_message

        self.config.require("orders_queue_url")
        return SqsQueue(
            self.config.orders_queue_url,
            queue_message,
            endpoint_url=self.config.aws_endpoint_url,
            by_account=self.config.engine_auth != "open",
        )

    @cached_property
    def dead_letters(self) -> SqsDeadLetters:
        from .adapters.aws.dead_letters import SqsDeadLetters
        from .api.wire.queue import parse_queue_message

        self.config.require("orders_dlq_url")
        return SqsDeadLetters(
            self.config.orders_dlq_url, parse_queue_message, endpoint_url=self.config.aws_endpoint_url
        )

    @cached_property
    def events(self) -> RedisEvents:
        from .adapters.redis.events import RedisEvents
        from .api.wire.events import event_message

        return RedisEvents(self.redis, event_message)

    @cached_property
    def registry(self) -> RedisRegistry:
        from .adapters.redis.registry import RedisRegistry

        config = self.config
        return RedisRegistry(
            self.redis,
            shards=config.relay_shards,
            connections_per_client=config.max_sockets_per_client,
            subscriptions_per_connection=config.max_subscriptions,
            subscriptions_per_account=config.max_subscriptions_per_account,
            gateway=config.gateway_id,
        )

    @cached_property
    def push(self) -> Push:
        from .services.live.counted_push import CountedPush

        return CountedPush(self._push or self._api_gateway_push, self.metrics)

    @cached_property
    def _api_gateway_push(self) -> ApiGatewayPush:
        from .adapters.aws.push import ApiGatewayPush

        self.config.require("websocket_endpoint")
        return ApiGatewayPush(self.config.websocket_endpoint)

    @cached_property
    def launcher(self) -> ShardLauncher:
        if self._launcher is not None:
            return self._launcher
        from .adapters.aws.launcher import LambdaLauncher

        self.config.require("relay_function")
        return LambdaLauncher(self.config.relay_function, endpoint_url=self.config.aws_endpoint_url)

    @cached_property
    def metrics(self) -> Metrics:
        if self._metrics is not None:
            return self._metrics
        from .adapters.aws.metrics import CloudWatchMetrics, NoMetrics

        namespace = self.config.metrics_namespace
        return CloudWatchMetrics(namespace) if namespace else NoMetrics()

    @cached_property
    def announcer(self) -> Announcer:
        from .services.announcing import Announcer

        return Announcer(self.events, self.metrics)

    @cached_property
    def orders(self) -> Orders:
        from .services.orders import Orders

        return Orders(self.store)

    @cached_property
    def submission(self) -> Submission:
        from .services.submission import Submission

        return Submission(self.store, self.queue, self.announcer, new_id=lambda: str(uuid.uuid4()))

    @cached_property
    def subscriptions(self) -> Subscriptions:
        from .api.sockets import render
        from .services.live.subscriptions import Subscriptions

        return Subscriptions(
            self.orders,
            self.registry,
            self.push,
            self.launcher,
            self.submission,
            self.cancellation,
            render,
            self.authentication,
            self.limits,
        )

    @cached_property
    def world(self) -> World:
        """Venues, chain and wallet, as WORLD says; `worlds.py` is where a team adds its own."""
        from .worlds import build

        return build(self.config, self.database)

    @cached_property
    def halting(self) -> Halting:
        from .services.halting import Halting

        return Halting(self.world)

    @cached_property
    def quoting(self) -> Quoting:
        from .services.quoting import Quoting

        return Quoting(
            self.world.venues,
            timeout=self.config.quote_timeout_ms / 1000,
            max_price_impact_bps=self.config.max_price_impact_bps,
        )

    @cached_property
    def execution(self) -> Execution:
        from .domain.retry import RetryPolicy
        from .services.execution import Execution, ExecutionLimits

        world = self.world
        limits = ExecutionLimits(
            confirm_timeout=self.config.confirm_timeout_ms / 1000,
            retry=RetryPolicy(self.config.max_attempts, self.config.retry_base_ms),
        )
        jitter = random.SystemRandom().random
        return Execution(
            self.store,
            self.announcer,
            world.venues,
            self.quoting,
            world.chain,
            world.signer,
            limits,
            jitter,
        )

    @cached_property
    def sweep(self) -> Sweep:
        from .services.sweep import Sweep

        return Sweep(self.store, self.queue)

    @cached_property
    def audit(self) -> Audit | None:
        """None where the world has none."""
        from .worlds import audit

        return audit(self.config, lambda: self.database)

    @cached_property
    def cancellation(self) -> Cancellation:
        from .services.cancellation import Cancellation

        return Cancellation(self.store, self.announcer)

    @cached_property
    def triggers(self) -> Triggers:
        from .services.detection import Detection
        from .services.triggers import Triggers

        detection = Detection(self.world.launches, self.store)
        return Triggers(
            self.store, self.queue, self.announcer, self.quoting, self.metrics, detection=detection
        )

    @cached_property
    def trigger_runs(self) -> TriggerRuns:
        from .services.trigger_runs import TriggerRuns

        config, launcher = self.config, None
        if config.trigger_function and config.trigger_shards > 1:
            from .adapters.aws.launcher import LambdaLauncher, scheduled_event

            launcher = LambdaLauncher(
                config.trigger_function, payload=scheduled_event, endpoint_url=config.aws_endpoint_url
            )
        return TriggerRuns(
            self.triggers,
            self.store,
            poll=config.trigger_poll_ms / 1000,
            shards=config.trigger_shards,
            launcher=launcher,
        )

    @cached_property
    def redrive(self) -> Redrive:
        from .services.redrive import Redrive

        return Redrive(self.store, self.queue, self.announcer, self.dead_letters)

    @cached_property
    def activity(self) -> Activity:
        from .adapters.postgres.activity import PostgresActivity

        return PostgresActivity(self.database)

    @cached_property
    def operations(self) -> Operations:
        from .services.operations import Operations

        return Operations(self.store, self.queue, self.activity, self.dead_letters, self.redrive, self.health)

    @cached_property
    def relay_runner(self) -> RelayRunner:
        from .adapters.redis.relay_channel import RedisRelayChannel
        from .api.wire.events import event_message, parse_event_message
        from .services.live.relay import Relay
        from .services.live.supervisor import RelayRunner

        config, redis, store, push = self.config, self.redis, self.store, self.push
        keys = None if config.engine_auth == "open" else self.keys

        def relay(shard: int) -> Relay:
            channel = RedisRelayChannel(
                redis,
                shard,
                uuid.uuid4().hex,
                parse_event_message,
                lease_ms=config.relay_lease_ms,
                gateway=config.gateway_id,
            )
            lease, poll = config.relay_lease_ms / 1000, config.relay_poll_ms / 1000
            return Relay(
                channel,
                store,
                push,
                event_message,
                lease=lease,
                poll=poll,
                idle=RELAY_IDLE_S,
                keys=keys,
                refusal=_refusal,
            )

        return RelayRunner(relay, self.launcher)

    @cached_property
    def relay_supervisor(self) -> RelaySupervisor:
        from .services.live.supervisor import RelaySupervisor

        return RelaySupervisor(self.registry, self.launcher, self.metrics)

    @cached_property
    def health(self) -> Callable[[], Coroutine[Any, Any, Health]]:
        """`await health()`: whether the servers answer, and what the dead letters come to."""
        from .services.health import check_health

        return partial(
            check_health,
            {"database": self.store.check, "redis": self.events.check, "queue": self.queue.check},
            self.dead_letters.summary if self.config.orders_dlq_url else None,
        )

    @cached_property
    def migrate(self) -> Callable[..., list[str]]:
        """`migrate(patience_s=…)` brings the database to this version's schema; what was applied."""
        from .migrations import migrate

        self.config.require("database_url")
        owner, role = map(self._secret, (self.config.database_secret, self.config.database_role_secret))
        return partial(
            migrate,
            self.config.database_url,
            world=self.config.world,
            chain=self.config.chain,
            secret=owner,
            role=role,
        )

    def _secret(self, arn: str) -> Secret | None:
        if not arn:
            return None
        from .adapters.aws.secrets import Secret

        return Secret(arn, endpoint_url=self.config.aws_endpoint_url)

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, run on the loop while the calling handler waits."""
        if tracing.is_on():
            work = tracing.carrying(work)
        if self._wait is not None:
            return self._wait(work, self.loop)  # type: ignore[no-any-return]
        return asyncio.run_coroutine_threadsafe(self._settled(work), self.loop).result()

    async def _settled(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, once what it left in the background is done.

        Lambda freezes the process as soon as the handler has returned; a background task would go on with the
        next invocation, whenever that is. On one machine the loop goes on, and nothing waits.
        """
        try:
            return await work
        finally:
            await self.settle()

    async def settle(self) -> None:
        """Wait until the work that use cases started in the background is done."""
        if "submission" in self.__dict__:
            await self.submission.settled()
        if "events" in self.__dict__:
            await self.events.settled()

    async def deliver(self) -> None:
        """Wait until this process's relays have delivered every event stored by now."""
        await self.settle()
        if "relay_runner" in self.__dict__:
            await self.relay_runner.caught_up()

    async def close(self) -> None:
        """Stop the running relays and close every connection that was opened."""
        if "relay_runner" in self.__dict__:
            await self.relay_runner.close()
        await self.settle()
        if "_api_gateway_push" in self.__dict__:
            await self._api_gateway_push.aclose()
        if "world" in self.__dict__:
            await self.world.close()
        if (audit := self.__dict__.get("audit")) is not None:
            audit.close()
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
    launcher: ShardLauncher | None = None,
    queue: Queue | None = None,
    wait: Wait | None = None,
    metrics: Metrics | None = None,
) -> Runtime:
    """Build this process's engine, on `loop` (a running one) or on one of its own in a thread.

    `push`, `launcher`, `queue` and `metrics` take the place of AWS's; `wait` is how handlers wait, if not in
    a thread.
    Raises ConfigError if TOKEN_LIST is wrong.
    """
    global _current
    with _lock:
        add_tokens(_listed(config.token_list))
        if metrics is not None:
            _count_batches(metrics)
        _current = Runtime(config, loop or _loop_in_a_thread(), push, launcher, queue, wait, metrics)
        return _current


async def stop() -> None:
    """Close this process's engine, on its loop."""
    global _current
    with _lock:
        engine, _current = _current, None
    if engine is not None:
        await engine.close()
        _count_batches(None)


def current() -> Runtime:
    """This process's engine, built from the environment on first use."""
    if (engine := _current) is not None:  # without the lock, for which all handlers would wait at each call
        return engine
    with _lock:
        return _current or start(Config.load())


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives, run on the engine's loop while the handler that calls this waits."""
    return current().wait(work)


def require_keys(environ: Mapping[str, str]) -> None:
    """Return if the environment's engine takes keys: API Gateway's address is reached by everybody.

    Raises ConfigError.
    """
    if Config.load(environ).engine_auth == "open":
        raise ConfigError(
            "ENGINE_AUTH is `open`, which is for one machine alone: on Lambda it must be `keys`."
        )


def trace(environ: Mapping[str, str]) -> None:
    """Record spans from now on, if the environment says where to send them; for a process on Lambda.

    Without the packages, which are in a layer there, functions do their work unrecorded.
    """
    if not environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from .adapters.otlp import OtlpTracer
    except ImportError:
        log.exception("traces: OpenTelemetry is not installed, so there are none")
        return
    tracing.use(OtlpTracer(environ["AWS_LAMBDA_FUNCTION_NAME"], flush_entries=True))


def freeze_start() -> None:
    """Leave what the start has made out of every later garbage collection, and collect less often.

    Modules, settings and connections live as long as the process; to look at them again and again took a
    tenth of the CPU under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _count_batches(metrics: Metrics | None) -> None:
    from .batcher import Batcher
    from .ports.metrics import BATCH

    def record(name: str, size: int) -> None:
        if metrics is not None:
            metrics.record(BATCH, size, name)

    Batcher.on_batch = None if metrics is None else record


def _listed(setting: str) -> list[Token]:
    """The tokens that TOKEN_LIST adds. Raises ConfigError."""
    if not setting:
        return []
    from .token_list import load_token_list

    return load_token_list(setting)


def _loop_in_a_thread() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="engine", daemon=True).start()
    return loop


def _refusal(error: EngineError) -> str:
    from .api.wire import answers  # seldom needed where this is, so not at the start

    return answers.text(answers.error(error))
