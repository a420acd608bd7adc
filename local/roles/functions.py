"""The functions' runtime in this process: started with its connections open, and stopped with its relays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.ports.live import Push, RelayLauncher
from chalicelib.ports.queue import Queue

from ..calls import wait
from ..endpoints import local_credentials
from ..triggers import LocalRelayLauncher


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
