"""The gateway's role: serve the clients on a socket that listens already."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..gateway import Gateway, serve_on


@asynccontextmanager
async def serving(gateway: Gateway, listening: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The gateway, serving: the task ends early only for an end that nobody asked for, and says why."""
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
