"""The engine in three processes: a gateway, a worker and a relay, each started again when it dies.

    up ──owns──▶ Postgres, Valkey, SQS
     └─supervises─▶ gateway   clients ⇄ functions; @connections on the same port
                    worker    queue → process, sweep
                    relay     Redis → relay → @connections → clients

They share nothing but the servers, as on AWS, so that each can be killed while the others go on. The
supervisor holds the listening socket and lends it to the gateway, so that the port stays ours while the
gateway is started again, and clients that connect meanwhile are served when it is back.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from chalicelib.config import Config

from .. import ROOT
from ..endpoints import Endpoints
from ..gateway import url_of
from ..roles import apply_schema
from .child import Child


class SeparateEngine:
    """`async with SeparateEngine(…)`: serving within, and at the end all of it stopped.

    `environ` holds the settings of the three. While one runs, its process is named in `state`, in a file like
    `worker.pid`. Raises ServiceError.
    """

    def __init__(
        self,
        config: Config,
        endpoints: Endpoints,
        *,
        listening: socket.socket,
        state: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.config = endpoints.configure(config)
        self.migrations: list[str] = []  # those that this start has applied
        self._listening = listening
        self._state = state
        self._environ = {
            **environ,
            **endpoints.environment(),
            "WEBSOCKET_ENDPOINT": self.url,
            "PYTHONPATH": str(ROOT),
        }
        self._parts = AsyncExitStack()
        self._kept: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return url_of(self._listening)

    async def __aenter__(self) -> SeparateEngine:
        self.migrations = await asyncio.to_thread(apply_schema, self.config.database_url)
        async with AsyncExitStack() as parts:
            # Stopped in the opposite order: orders in flight still have listeners, and those a relay.
            children = [
                self._child("relay"),
                self._child("gateway", self._listening.fileno()),
                self._child("worker"),
            ]
            for child in children:
                self._kept.append(await parts.enter_async_context(child.kept()))
            for child in children:
                await child.served()
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    async def ended(self) -> None:
        """Wait for an unexpected end, and raise what led to it."""
        done, _ = await asyncio.wait(self._kept, return_when=asyncio.FIRST_COMPLETED)
        for child in done:
            child.result()

    def _child(self, role: str, *lent: int) -> Child:
        command = [sys.executable, "-P", "-m", "local.separate", role, *map(str, lent)]
        return Child(role, command, state=self._state, environ=self._environ, lent=lent)
