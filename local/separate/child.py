"""One of the engine's processes: restarted whenever it ends, and stopped with its supervisor.

start → ready → exit, for any reason → pause → start → …

The pause is short, and doubles for a process that keeps exiting soon after its start.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ..errors import ServiceError
from ..servers.watchdog import Watchdog

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
YOUNG_S = 3.0  # a process that exits sooner is restarted with back-off
STOPS_WITHIN_S = 10.0

log = logging.getLogger(__name__)


class Child:
    """The process of `role`, whose number is in `state`; it inherits the descriptors `lent`."""

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
        self._served = asyncio.Event()
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

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S / 2
        while True:
            began = loop.time()
            process = await self._start()
            await self._live(process)
            if not self._served.is_set():
                raise ServiceError(f"The {self._role} did not start; its output is above.")
            pause_s = FIRST_PAUSE_S if loop.time() - began > YOUNG_S else min(2 * pause_s, LONGEST_PAUSE_S)
            log.warning(
                "process: exited, restarting role=%s pid=%d exit=%s pause_s=%.1f",
                self._role,
                process.pid,
                _how(process.returncode),
                pause_s,
            )
            await asyncio.sleep(pause_s)

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
