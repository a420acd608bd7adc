"""The engine in one process: the functions, and in front of and behind them what AWS does in the cloud.

clients ⇄ Gateway ⇄ functions ⇄ EventSourceMapping, Schedules, relays      all on the loop that enters it

It stops in the order in which nothing is lost: schedules, then orders in flight (their clients still listen),
then the sockets, then the relays and connections.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

import app as functions
import psycopg
from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.migrations import migrate

from .embedded import ServiceError
from .embedded.queues import connect
from .endpoints import Endpoints, local_credentials
from .gateway import Gateway, listen, serve_on
from .triggers import EventSourceMapping, LocalRelayLauncher, Schedule

Result = TypeVar("Result")

IN_FLIGHT = 10
SWEEP_EVERY_S = 5.0
KEEP_RELAYS_EVERY_S = 2.0  # after a kill, the lost relay's lease runs for seconds yet
QUEUE_ANSWERS_WITHIN_S = 10.0


class Engine:
    """`async with Engine(config, endpoints, host, port)`: serving within, and at the end all of it stopped.

    Port 0 is a free one. `listening` is a socket of `gateway.listen`, for who had to know early that the port
    is free. Raises PortTaken, ConfigError, ServiceError.
    """

    def __init__(
        self,
        config: Config,
        endpoints: Endpoints,
        host: str = "127.0.0.1",
        port: int = 3000,
        *,
        listening: socket.socket | None = None,
    ) -> None:
        self.config = replace(
            config,
            database_url=endpoints.database_url,
            redis_url=endpoints.redis_url,
            aws_endpoint_url=endpoints.aws_endpoint_url,
            orders_queue_url=endpoints.queue_url,
            orders_dlq_url=endpoints.dead_letter_url,
        )
        self.gateway = Gateway(functions)
        self.mapping: EventSourceMapping
        self.migrations: list[str] = []  # those that this start has applied
        self._listening = listening or listen(host, port)
        self._serving: asyncio.Task[None] | None = None
        self._parts = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

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
        """Wait for an end that nobody asked for, and raise what led to it."""
        if self._serving:
            await asyncio.shield(self._serving)

    async def _start(self, parts: AsyncExitStack) -> None:
        credentials = local_credentials(os.environ)
        os.environ |= credentials | _past_proxies()  # boto3's clients in the functions look there
        launcher = LocalRelayLauncher(functions)
        self.migrations = await asyncio.to_thread(_migrate, self.config.database_url)
        loop = asyncio.get_running_loop()
        runtime.start(self.config, loop=loop, push=self.gateway, launcher=launcher)
        parts.push_async_callback(_stop_functions, launcher)
        await runtime.current().health()  # opens the connections, so that the first order need not

        await self._serve(parts)

        sqs = connect(self.config.aws_endpoint_url, credentials, timeout=QUEUE_ANSWERS_WITHIN_S)
        self.mapping = EventSourceMapping(
            sqs, self.config.orders_queue_url, functions.process_order, concurrency=IN_FLIGHT
        )
        await parts.enter_async_context(self.mapping)
        self.gateway.on_submitted = self.mapping.wake

        await parts.enter_async_context(Schedule(functions.sweep, SWEEP_EVERY_S, name="sweep"))
        await parts.enter_async_context(
            Schedule(functions.keep_relays, KEEP_RELAYS_EVERY_S, name="keep_relays")
        )

    async def _serve(self, parts: AsyncExitStack) -> None:
        started, stop = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(
            serve_on(self.gateway, self._listening, started=started.set, stop=stop), name="gateway"
        )

        async def stop_serving() -> None:
            stop.set()
            await serving

        parts.push_async_callback(stop_serving)
        self._serving = serving
        starting = asyncio.create_task(started.wait())
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()
        if serving.done():
            serving.result()


def _past_proxies() -> dict[str, str]:
    """The environment that keeps calls to this machine from going through a proxy, which can't reach it."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, [known, "127.0.0.1", "localhost"])))


def _migrate(database_url: str) -> list[str]:
    try:
        return migrate(database_url)
    except psycopg.Error as error:
        raise ServiceError(f"The schema could not be brought up to date: {error}") from error


async def _stop_functions(launcher: LocalRelayLauncher) -> None:
    # At the same time: the runtime's end is what ends the relays that the launcher waits for.
    await asyncio.gather(launcher.stop(), runtime.stop())


def run_on_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What `work()` gives, run on a loop of its own: uvloop's where there is one."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(work())


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # as on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
