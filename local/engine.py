"""The engine's parts, each an async context manager, and `Engine`, which runs all of them in one process.

    functions   the Chalice app's runtime, on the loop that enters it     in every process
    gateway     API Gateway in front of the functions                     clients ⇄ gateway
    worker      the queue's event source mapping, sweep and triggers      queue → worker
    relay       the relays, and the schedule that starts missing ones     Redis → relay → gateway → clients

`local/separate/` runs the parts in three processes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType

import app as functions
from chalicelib import runtime
from chalicelib.api import cors
from chalicelib.config import Config
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.migrations import MigrationError, migrate
from chalicelib.ports.live import Push, ShardLauncher
from chalicelib.ports.metrics import Metrics
from chalicelib.ports.queue import Queue
from chalicelib.services.trigger_runs import AT_A_TIME

from .calls import wait
from .endpoints import Endpoints, local_credentials, prepare_environment
from .environments import add_packages
from .errors import ServiceError
from .gateway import Gateway, GatewaySettings, listen, serve_on, url_of
from .metrics import MetricsRoute, Registry
from .servers.sqs.server import HostedSqs
from .triggers import (
    DirectQueue,
    DirectSource,
    EventSourceMapping,
    LocalRelayLauncher,
    PolledSource,
    Schedule,
    Source,
)

log = logging.getLogger(__name__)

LAST_EVENTS_S = 2.0  # a client that does not read keeps the stop no longer
IN_FLIGHT = 10
OFTENEST_SWEEP_S, RAREST_SWEEP_S = 0.5, 5.0
KEEP_RELAYS_EVERY_S = 2.0  # after a kill, the lost relay's lease runs for seconds yet


class Engine:
    """`async with Engine(config, endpoints, host, port)`: serving within, and at the end all of it stopped.

    Port 0 is a free one. `listening` is a socket of `gateway.listen`, where the caller had to know early that
    the port is free. `sqs` is the queue to host in this process; without it, it is at the endpoints. The
    gateway's `settings` are the environment's unless they are given.
    It stops so that no event is lost: schedules, orders in flight, the clients' connections, then relays.
    Raises PortTaken, ConfigError, ServiceError.
    """

    def __init__(
        self,
        config: Config,
        endpoints: Endpoints,
        host: str = "127.0.0.1",
        port: int = 3000,
        *,
        listening: socket.socket | None = None,
        sqs: HostedSqs | None = None,
        settings: GatewaySettings | None = None,
    ) -> None:
        self.config = endpoints.configure(config)
        self._endpoints = endpoints
        limits = settings or GatewaySettings.load()
        pages = cors.origins(config.allowed_origins, config.engine_auth)
        key = endpoints.connections_key
        self.metrics = Registry()
        self.gateway = Gateway(
            functions,
            settings=replace(limits, origins=pages, connections_key=key),
            metrics=MetricsRoute(self.metrics),
        )
        self.mapping: EventSourceMapping
        self.migrations: list[str] = []  # those that this start has applied
        self._listening = listening or listen(host, port)
        self._sqs = sqs
        self._serving: asyncio.Task[None]
        self._parts = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return url_of(self._listening)

    async def __aenter__(self) -> Engine:
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    async def ended(self) -> None:
        """Wait for an unexpected end, and raise what led to it."""
        await asyncio.shield(self._serving)

    async def _start(self, parts: AsyncExitStack) -> None:
        self.migrations = await asyncio.to_thread(apply_schema, self.config)
        enter = parts.enter_async_context
        prepare_environment(self._endpoints)
        broker = await enter(self._sqs.hosting()) if self._sqs else None
        by_account = self.config.engine_auth != "open"
        queue = DirectQueue(broker, by_account=by_account) if broker else None
        launcher = LocalRelayLauncher(functions)
        await enter(
            running_functions(
                self.config, push=self.gateway, launcher=launcher, queue=queue, metrics=self.metrics
            )
        )
        self._serving = await enter(serving(self.gateway, self._listening))
        source = DirectSource(broker) if broker else polled_source(self.config)
        parts.push_async_callback(_deliver_last_events)  # once the orders in flight have ended
        self.mapping = await enter(working(self.config, source))
        await enter(keeping_relays(KEEP_RELAYS_EVERY_S))


async def _deliver_last_events() -> None:
    """Deliver the events of the last orders before the connections are closed."""
    try:
        async with asyncio.timeout(LAST_EVENTS_S):
            await runtime.current().deliver()
    except (TimeoutError, TemporarilyUnavailable) as error:
        log.warning("engine: connections close before their last events error=%r", error)


@asynccontextmanager
async def running_functions(
    config: Config,
    *,
    push: Push | None = None,
    launcher: ShardLauncher | None = None,
    queue: Queue | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[None]:
    """The runtime on the running loop. `push`, `launcher`, `queue` and `metrics` take the place of AWS's."""
    prepare_environment()
    if config.world == "solana":
        add_packages("solana")
    loop = asyncio.get_running_loop()
    engine = runtime.start(
        config, loop=loop, push=push, launcher=launcher, queue=queue, wait=wait, metrics=metrics
    )
    try:
        await engine.health()  # opens the connections, so that the first order need not
        runtime.freeze_start()
        yield
    finally:
        # At the same time: the runtime's end is what ends the relays that the launcher waits for.
        stops = [launcher.stop()] if isinstance(launcher, LocalRelayLauncher) else []
        await asyncio.gather(runtime.stop(), *stops)


@asynccontextmanager
async def serving(gateway: Gateway, listening: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The gateway, serving: the task ends early only if the gateway failed, and raises why."""
    await _remove_lost_connections()
    started, stop = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve_on(gateway, listening, started=started.set, stop=stop), name="gateway"
    )
    try:
        starting = asyncio.create_task(started.wait())
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()
        if serving.done():
            serving.result()
        yield serving
    finally:
        stop.set()
        await serving


async def _remove_lost_connections() -> None:
    """Remove the connections of a gateway that was killed and is started again: they count against limits."""
    try:
        await runtime.current().registry.clear()
    except TemporarilyUnavailable as error:
        log.warning("gateway: connections of the one before are not removed error=%r", error)


@asynccontextmanager
async def working(config: Config, source: Source) -> AsyncIterator[EventSourceMapping]:
    """The mapping, receiving from `source` and invoking; it ends with the orders in flight."""
    mapping = EventSourceMapping(source, functions.process_order, concurrency=IN_FLIGHT)
    sweep = Schedule(functions.sweep, _sweep_every_s(config), name="sweep")
    async with mapping, sweep, AsyncExitStack() as triggers:
        for shard in range(config.trigger_shards):
            await triggers.enter_async_context(_triggers(config, shard))
        yield mapping


def _triggers(config: Config, shard: int) -> Schedule:
    every_s, detail = config.trigger_poll_ms / 1000, {"shard": shard}
    return Schedule(functions.fire_orders, every_s, name="fire_orders", at_once=AT_A_TIME, detail=detail)


def polled_source(config: Config) -> PolledSource:
    """The queue of orders over HTTP, at the endpoint of the settings."""
    region = local_credentials(os.environ)["AWS_DEFAULT_REGION"]
    return PolledSource(config.aws_endpoint_url, config.orders_queue_url, region)


def _sweep_every_s(config: Config) -> float:
    """As often as an order can become overdue, within reason."""
    return min(max(config.sweep_after_ms / 1000, OFTENEST_SWEEP_S), RAREST_SWEEP_S)


@asynccontextmanager
async def keeping_relays(every_s: float) -> AsyncIterator[None]:
    """The schedule; the relays themselves run where the functions' launcher starts them."""
    async with Schedule(functions.keep_relays, every_s, name="keep_relays"):
        yield


def apply_schema(config: Config) -> list[str]:
    """Apply the migrations that are missing; their names. Raises ServiceError."""
    try:
        return migrate(config.database_url, world=config.world, chain=config.chain)
    except MigrationError as error:
        raise ServiceError(f"The schema could not be brought up to date. {error}") from error
