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
import logging
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType

from chalicelib.config import Config

from .. import ROOT, ambient
from ..endpoints import Endpoints
from ..engine import apply_schema
from ..errors import ServiceError
from ..gateway import url_of
from ..metrics.shared import begin
from ..servers.server import Watchdog

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
YOUNG_S = 3.0  # a process that exits sooner is restarted with back-off
STOPS_WITHIN_S = 10.0
STATE = "ENGINE_STATE"
"""The variable that names the state folder to a process."""

log = logging.getLogger(__name__)


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
        own = dict(environ)
        ambient.forget(endpoints.started, own)
        self._environ = {
            **own,
            **endpoints.environment(),
            "WEBSOCKET_ENDPOINT": self.url,
            "GATEWAY_ID": self.config.gateway_id,
            "PYTHONPATH": str(ROOT),
            STATE: str(state),
        }
        self._parts = AsyncExitStack()
        self._children: list[Child] = []
        self._kept: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return url_of(self._listening)

    async def __aenter__(self) -> SeparateEngine:
        self.migrations = await asyncio.to_thread(apply_schema, self.config)
        begin(self._state)
        async with AsyncExitStack() as parts:
            # Stopped in the opposite order: orders in flight still have subscribers, and those a relay.
            self._children = [
                self._child("relay"),
                self._child("gateway", self._listening.fileno()),
                self._child("worker"),
            ]
            for child in self._children:
                self._kept.append(await parts.enter_async_context(child.kept()))
            for child in self._children:
                await child.served()
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    async def reload(self) -> None:
        """Migrate the schema, and start the three again with the code that is there now.

        Raises ServiceError if the schema could not be migrated; then they go on as they are.
        """
        await asyncio.to_thread(apply_schema, self.config)
        await asyncio.gather(*(child.restart() for child in self._children))

    async def ended(self) -> None:
        """Wait for an unexpected end, and raise what led to it."""
        done, _ = await asyncio.wait(self._kept, return_when=asyncio.FIRST_COMPLETED)
        for child in done:
            child.result()

    def _child(self, role: str, *lent: int) -> Child:
        command = [sys.executable, "-P", "-m", "local.separate", role, *map(str, lent)]
        return Child(role, command, state=self._state, environ=self._environ, lent=lent)


class Child:
    """The process of `role`: start → ready → exit, for any reason → pause → start → …

    The pause is short, and doubles for a process that keeps exiting soon after its start. Its number is in a
    file in `state`; it inherits the descriptors `lent`. It ends with its supervisor.
    """

    def __init__(
        self,
        role: str,
        command: Sequence[str],
        *,
        state: Path,
        environ: Mapping[str, str],
        lent: Collection[int] = (),
    ) -> None:
        self._role = role
        self._command = command
        self._environ = environ
        self._lent = lent
        self._pid_file = state / f"{role}.pid"
        self._process: Process | None = None
        self._served, self._restart = asyncio.Event(), asyncio.Event()
        self._kept: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[asyncio.Task[None]]:
        """Keep it running; the task ends only with a ServiceError, when it could not even be started."""
        self._kept = asyncio.create_task(self._keep(), name=self._role)
        try:
            yield self._kept
        finally:
            self._kept.cancel()
            await asyncio.gather(self._kept, return_exceptions=True)
            self._pid_file.unlink(missing_ok=True)

    async def served(self) -> None:
        """Wait until it serves for the first time. Raises ServiceError."""
        assert self._kept is not None
        serving = asyncio.create_task(self._served.wait())
        await asyncio.wait({serving, self._kept}, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        if self._kept.done():
            self._kept.result()

    async def restart(self) -> None:
        """Stop it, which lets its orders in flight end, and have it started again at once."""
        self._restart.set()
        if self._process:
            await self._stop(self._process)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S / 2
        while True:
            began = loop.time()
            self._process = process = await self._start()
            await self._live(process)
            if not self._served.is_set():
                raise ServiceError(f"The {self._role} did not start; its output is above.")
            if self._restart.is_set():
                self._restart.clear()
                continue
            pause_s = FIRST_PAUSE_S if loop.time() - began > YOUNG_S else min(2 * pause_s, LONGEST_PAUSE_S)
            log.warning(
                "process: exited, restarting role=%s pid=%d exit=%s pause_s=%.1f",
                self._role,
                process.pid,
                _how(process.returncode),
                pause_s,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._restart.wait(), pause_s)
            self._restart.clear()

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environ,
            stdin=DEVNULL,
            stdout=PIPE,
            pass_fds=self._lent,
            start_new_session=True,  # Ctrl-C reaches us only, and we stop it
        )
        self._pid_file.write_text(str(process.pid))
        return process

    async def _live(self, process: Process) -> None:
        """Wait for its end, or bring it about when cancelled."""
        watchdog = Watchdog(process.pid, signal.SIGTERM)
        try:
            assert process.stdout is not None
            if await process.stdout.readline():
                self._served.set()
            await process.wait()
        finally:
            await self._stop(process)
            watchdog.dismiss()

    async def _stop(self, process: Process) -> None:
        if process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOPS_WITHIN_S)
        except TimeoutError:
            log.warning("process: does not stop, killing role=%s pid=%d", self._role, process.pid)
            process.kill()
            await process.wait()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return str(code)
