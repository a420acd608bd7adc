"""The engine in one process: the functions, and in front of and behind them what AWS does in the cloud.

clients ⇄ gateway ⇄ functions ⇄ worker, relay      all on the loop that enters it

It stops in the order in which nothing is lost: schedules, then orders in flight (their clients still listen),
then the sockets, then the relays and connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from types import TracebackType

import app as functions
from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.domain.errors import TemporarilyUnavailable

from .endpoints import Endpoints
from .gateway import Gateway, listen, url_of
from .roles import apply_schema, keeping_relays, polled_source, running_functions, serving, working
from .servers.sqs.hosted import HostedSqs
from .triggers import DirectQueue, DirectSource, EventSourceMapping, LocalRelayLauncher

log = logging.getLogger(__name__)

LAST_EVENTS_S = 2.0  # a client that does not read keeps the stop no longer
KEEP_RELAYS_EVERY_S = 2.0  # after a kill, the lost relay's lease runs for seconds yet


class Engine:
    """`async with Engine(config, endpoints, host, port)`: serving within, and at the end all of it stopped.

    Port 0 is a free one. `listening` is a socket of `gateway.listen`, where the caller had to know early that
    the port is free. `sqs` is the queue to host in this process; without it, it is at the endpoints.
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
    ) -> None:
        self.config = endpoints.configure(config)
        self.gateway = Gateway(functions)
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
        self.migrations = await asyncio.to_thread(apply_schema, self.config.database_url)
        enter = parts.enter_async_context
        broker = await enter(self._sqs.hosting()) if self._sqs else None
        launcher, queue = LocalRelayLauncher(functions), DirectQueue(broker) if broker else None
        await enter(running_functions(self.config, push=self.gateway, launcher=launcher, queue=queue))
        self._serving = await enter(serving(self.gateway, self._listening))
        source = DirectSource(broker) if broker else polled_source(self.config)
        parts.push_async_callback(_deliver_last_events)  # once the orders in flight have ended
        self.mapping = await enter(working(self.config, source))
        await enter(keeping_relays(KEEP_RELAYS_EVERY_S))


async def _deliver_last_events() -> None:
    """Let the events of the last orders reach their sockets before those are closed."""
    try:
        async with asyncio.timeout(LAST_EVENTS_S):
            await runtime.current().deliver()
    except (TimeoutError, TemporarilyUnavailable) as error:
        log.warning("some sockets are closed before their last events: %r", error)
