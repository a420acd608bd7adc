"""A program in a process of its own, until it serves, and until it has stopped; it can't outlive us."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..servers import Watchdog

SERVES = re.compile(r"^serving on (http://\S+)", re.MULTILINE)
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 60.0
POLL_S = 0.02


class EngineError(Exception):
    """An engine could not be started, or did not stop."""


class Program:
    """A command that says `serving on URL` when it does."""

    def __init__(self, command: list[str], environ: Mapping[str, str], folder: Path, log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._begin = output.tell()
            self._process = subprocess.Popen(
                command,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(Path.home()), **environ},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us only, and we stop it
            )
        # if we are killed, it ends the program, and the folder that we would have removed goes as well
        self._watchdog = Watchdog(self._process.pid, signal.SIGTERM, removes=[log.parent])

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has said."""
        with self._log.open("rb") as log:
            log.seek(self._begin)
            return log.read().decode(errors="replace")

    def url(self) -> str:
        """Wait until it serves; where. Raises EngineError."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            found = SERVES.search(self.output)
            if found:
                return found[1]
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EngineError(f"the engine does not start:\n{self.output[-2000:]}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop it in order, or else kill it."""
        try:
            self._process.terminate()
            self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise EngineError(f"the engine does not stop:\n{self.output[-2000:]}") from None
        finally:
            self._process.kill()
            self._process.wait()
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._watchdog.dismiss()
