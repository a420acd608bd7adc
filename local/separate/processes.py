"""The three processes, each composed of its roles; `ROLES` has them by name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import app as functions
from chalicelib.config import Config

from ..cli.stopping import Stopping
from ..gateway import Gateway
from ..roles import keeping_relays, polled_source, running_functions, serving, working
from ..triggers import LocalRelayLauncher

KEEP_RELAYS_EVERY_S = 0.2  # nobody tells the relay's process that a client has come


async def gateway(config: Config, stopping: Stopping, serves: Callable[[], None], descriptor: int) -> None:
    """Serve the clients on the listening socket of that number."""
    front = Gateway(functions)
    with socket.socket(fileno=descriptor) as listening:
        async with (
            running_functions(config, push=front, launcher=LaunchedElsewhere()),
            serving(front, listening) as task,
        ):
            serves()
            await stopping.unless(_ended(task))


async def worker(config: Config, stopping: Stopping, serves: Callable[[], None]) -> None:
    """Execute orders."""
    async with running_functions(config), working(config, polled_source(config)):
        serves()
        await stopping.unless(_for_ever())


async def relay(config: Config, stopping: Stopping, serves: Callable[[], None]) -> None:
    """Bring events to the gateway's clients, through its @connections."""
    launcher = LocalRelayLauncher(functions)
    async with running_functions(config, launcher=launcher), keeping_relays(KEEP_RELAYS_EVERY_S):
        serves()
        await stopping.unless(_for_ever())


ROLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "gateway": gateway,
    "worker": worker,
    "relay": relay,
}


class LaunchedElsewhere:
    """The gateway's RelayLauncher: the relay's process sees for itself where one is needed."""

    async def launch(self, shard: int) -> None:
        """Leave it to that process."""


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)


async def _for_ever() -> None:
    await asyncio.Event().wait()
