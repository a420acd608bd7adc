"""What the engine consists of, each part an async context manager: composed in one process, or one in each.

    functions   the Chalice app's runtime, on the loop that enters it     in every process
    gateway     API Gateway in front of the functions                     clients ⇄ gateway
    worker      the queue's event source mapping, and the sweep           queue → worker
    relay       the relays, and what keeps them going                     Redis → relay → gateway → clients

`local/engine.py` composes them for one process, `local/separate/` for three.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import app as functions
from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.migrations import MigrationError, migrate
from chalicelib.ports.live import Push, RelayLauncher
from chalicelib.ports.queue import Queue

from .calls import wait
from .endpoints import local_credentials
from .errors import ServiceError
from .gateway import Gateway, serve_on
from .triggers import EventSourceMapping, LocalRelayLauncher, PolledSource, Schedule, Source

IN_FLIGHT = 10
OFTENEST_SWEEP_S, RAREST_SWEEP_S = 0.5, 5.0


def prepare_environment() -> None:
    """Set what boto3's clients in the functions look for: credentials, and no proxy on the way to here."""
    os.environ |= local_credentials(os.environ) | _past_proxies()


@asynccontextmanager
async def running_functions(
    config: Config,
    *,
    push: Push | None = None,
    launcher: RelayLauncher | None = None,
    queue: Queue | None = None,
) -> AsyncIterator[None]:
    """The runtime on the running loop. `push`, `launcher` and `queue` take the place of AWS's."""
    prepare_environment()
    loop = asyncio.get_running_loop()
    engine = runtime.start(config, loop=loop, push=push, launcher=launcher, queue=queue, wait=wait)
    try:
        await engine.health()  # opens the connections, so that the first order need not
        runtime.freeze_start()
        yield
    finally:
        # At the same time: the runtime's end is what ends the relays that the launcher waits for.
        stops = [launcher.stop()] if isinstance(launcher, LocalRelayLauncher) else []
        await asyncio.gather(runtime.stop(), *stops)


def _past_proxies() -> dict[str, str]:
    """The environment that keeps calls to this machine from going through a proxy, which can't reach it."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, [known, "127.0.0.1", "localhost"])))


@asynccontextmanager
async def serving(gateway: Gateway, listening: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The gateway, serving: the task ends early only if the gateway failed, and raises why."""
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


@asynccontextmanager
async def working(config: Config, source: Source) -> AsyncIterator[EventSourceMapping]:
    """The mapping, receiving from `source` and invoking; it ends with the orders in flight."""
    mapping = EventSourceMapping(source, functions.process_order, concurrency=IN_FLIGHT)
    async with mapping, Schedule(functions.sweep, _sweep_every_s(config), name="sweep"):
        yield mapping


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


def apply_schema(database_url: str) -> list[str]:
    """Apply the migrations that are missing; their names. Raises ServiceError."""
    try:
        return migrate(database_url)
    except MigrationError as error:
        raise ServiceError(f"The schema could not be brought up to date. {error}") from error
