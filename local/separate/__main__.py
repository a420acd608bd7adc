"""`python -m local.separate ROLE [DESCRIPTOR]`: one of the three processes, under its supervisor.

Settings come from the environment. A line on standard output says that the process is ready.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import app as functions
from botocore.credentials import Credentials
from chalicelib.adapters.aws.push import ApiGatewayPush
from chalicelib.config import Config

from ..engine import keeping_relays, polled_source, running_functions, serving, working
from ..gateway import Gateway, GatewaySettings
from ..log_file import logging_to
from ..metrics import MetricsRoute, shared_by_processes
from ..metrics.shared import of_others
from ..process import Stopped, Stopping, run_on_loop, signals
from ..terminal import log_to_stderr
from ..tracing import tracing_to
from ..triggers import LocalRelayLauncher
from . import STATE

KEEP_RELAYS_EVERY_S = 0.2  # the relay's process gets no word of a client that connects


async def gateway(config: Config, stopping: Stopping, serves: Callable[[], None], descriptor: int) -> None:
    """Serve the clients on the listening socket of that number."""
    state = _state()
    with socket.socket(fileno=descriptor) as listening:
        async with shared_by_processes(state, "gateway") as metrics:
            front = Gateway(functions, metrics=MetricsRoute(metrics, lambda: of_others(state, "gateway")))
            async with (
                running_functions(config, push=front, launcher=LaunchedElsewhere(), metrics=metrics),
                serving(front, listening) as task,
            ):
                serves()
                await stopping.unless(_ended(task))


async def worker(config: Config, stopping: Stopping, serves: Callable[[], None]) -> None:
    """Execute orders."""
    async with (
        shared_by_processes(_state(), "worker") as metrics,
        running_functions(config, metrics=metrics),
        working(config, polled_source(config)),
    ):
        serves()
        await stopping.unless(_forever())


async def relay(config: Config, stopping: Stopping, serves: Callable[[], None]) -> None:
    """Bring events to the gateway's clients, through its @connections."""
    launcher, key = LocalRelayLauncher(functions), GatewaySettings.load().connections_key
    credentials = Credentials(key.key_id, key.secret) if key else None
    push = ApiGatewayPush(config.websocket_endpoint, credentials=credentials)
    try:
        async with (
            shared_by_processes(_state(), "relay") as metrics,
            running_functions(config, push=push, launcher=launcher, metrics=metrics),
            keeping_relays(KEEP_RELAYS_EVERY_S),
        ):
            serves()
            await stopping.unless(_forever())
    finally:
        await push.aclose()


ROLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "gateway": gateway,
    "worker": worker,
    "relay": relay,
}


class LaunchedElsewhere:
    """The gateway's ShardLauncher: the relay's process sees for itself where one is needed."""

    async def launch(self, shard: int) -> None:
        """Leave it to that process."""


def _state() -> Path:
    return Path(os.environ[STATE])


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)


async def _forever() -> None:
    await asyncio.Event().wait()


def main(role: str, *descriptors: str) -> None:
    """Play `role` until a signal ends it."""
    log_to_stderr(
        os.environ.get("LOG_LEVEL", "WARNING"), process=role, form=os.environ.get("LOG_FORMAT", "text")
    )
    config = Config.load()
    with logging_to(_state(), role), tracing_to(_state(), role), signals(lambda: None) as stopping:
        play = partial(ROLES[role], config, stopping, _report_ready, *map(int, descriptors))
        with suppress(Stopped):
            run_on_loop(play)


def _report_ready() -> None:
    print("serving", flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # later prints must not go to the supervisor


if __name__ == "__main__":
    main(*sys.argv[1:])
