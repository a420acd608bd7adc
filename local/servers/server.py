"""The life of a server: free port → process in its own session → ready → stopped, killed or restarted.

A subclass says its command, when it is ready, and how it likes to be stopped. A server keeps its port and its
files over `restart()` and over `kill()` followed by `start()`, so that clients find it again.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from ..errors import ServiceError, not_ours

SCRIPT = """
read -r _
pid=$1
kill -"$2" "$pid"
n=0
alive() {
    kill -0 "$pid" && ! grep -q ') Z ' "/proc/$pid/stat"  # a zombie is gone, and its new parent may be slow
}
while alive && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$pid"
kill -KILL "-$pid"  # what it had started and did not take along
shift 2
[ $# -gt 0 ] || exit 0
rm -rf -- "$@"
rmdir -- "${1%/*}"
"""
POLL = 0.01  # seconds between two looks at whether it is ready


def health(port: int, path: str) -> dict[str, Any]:
    """The JSON object that a server answers at this path, empty where it has none. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    except (http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


class Server(ABC):
    """One server below `folder`; with `temporary`, its folder goes when it stops for good."""

    name: ClassVar[str]
    how: ClassVar[str] = "started"
    stops: ClassVar[Sequence[tuple[signal.Signals, float]]]  # signals in turn, each with the wait for it (s)

    def __init__(self, folder: Path, *, temporary: bool = False, holds: Sequence[int] = ()) -> None:
        self.folder = folder
        self._given = folder
        self.port: int | None = None
        self._temporary = temporary
        self._holds = holds
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        return self._process.pid if self._process else None

    @property
    @abstractmethod
    def version(self) -> str:
        """The version of the server."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients reach it."""

    @property
    def address(self) -> str:
        """`url` as it may be shown."""
        return self.url

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def is_ready(self, port: int, pid: int) -> bool:
        """Whether process `pid`, and no stranger, answers on `port`. May raise OSError while it doesn't."""

    def prepare(self) -> None:
        """Make what the server needs before it can start. Raises ServiceError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def options(self, port: int) -> dict[str, Any]:
        """Further arguments of Popen. Of our environment a server sees the search path and no more."""
        return {"env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}}

    def is_closing(self, said: str) -> bool:
        """Whether the log says that remains of a killed server are still in the way."""
        return False

    def explain(self, said: str, port: int) -> str:
        """The sentence for a start that failed, from what the log said."""
        if "already in use" in said:
            return f"{self.name} cannot listen on 127.0.0.1:{port}: another program has taken that port."
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        return f"{self.name} did not start ({last[0].strip()}). Its log: {self.log}"

    def start(self, timeout: float = 30) -> None:
        """Start and wait until ready. Raises ServiceError."""
        try:
            self.prepare()
            self._run(time.monotonic() + timeout)
        except PermissionError as error:
            raise not_ours(Path(error.filename or self.folder)) from error
        except OSError as error:
            raise ServiceError(f"{self.name} cannot be run in {self.folder}: {error}.") from error

    def _run(self, deadline: float) -> None:
        while True:
            port = self.port or _free_port()
            said = self._launch(port, deadline)
            if said is None:
                self.port = port
                return
            lost_a_race = self.port is None and "already in use" in said
            if not (lost_a_race or self.is_closing(said)) or time.monotonic() > deadline:
                raise ServiceError(self.explain(said, port))
            time.sleep(POLL)

    def _launch(self, port: int, deadline: float) -> str | None:
        """Run the process until it is ready (None), or until it is not to be (what its log said)."""
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                self.command(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C reaches us only, and we stop it
                **self.options(port),
            )
        removes = (self._given, self.folder) if self._temporary else ()
        self._watchdog = Watchdog(self._process.pid, self.stops[0][0], removes=removes, holds=self._holds)
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if self.is_ready(port, self._process.pid):
                    return None
            except OSError:
                pass  # not listening yet
            time.sleep(POLL)
        self._end(self.stops)
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        """Stop in order, and remove the folder if it is temporary. Harmless when it is not running."""
        self._end(self.stops)
        if self._temporary:
            for folder in {self._given, self.folder}:
                shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a crash would; `start()` brings it back on the same port with the same files."""
        self._end([(signal.SIGKILL, 5)])

    def restart(self) -> None:
        """Stop in order and start again on the same port with the same files."""
        self._end(self.stops)
        self.start()

    def _end(self, stops: Sequence[tuple[signal.Signals, float]]) -> None:
        group = self.pid
        for number, wait in (*stops, (signal.SIGKILL, 5.0)):
            if self._process is None:
                break
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(wait)
                self._process = None
            except subprocess.TimeoutExpired:
                continue
        if group:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)  # what it had started and did not take along
        if self._watchdog:  # last, so that it still does its work if we are killed while we wait
            self._watchdog.dismiss()
            self._watchdog = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Watchdog:
    """A small shell process that ends process `pid` when ours is gone, even by kill -9; until `dismiss()`.

    It waits for the end of its standard input, whose other end we hold and the kernel closes. Then it stops
    the server, kills it if it does not stop, and removes its folders if they were temporary ones.

    `removes` are folders that go with the server; the folder above the first goes too, once it is empty.
    `holds` are file descriptors that it keeps open as long as it lives; see `folder.py`.
    """

    def __init__(
        self, pid: int, stop: signal.Signals, *, removes: Sequence[Path] = (), holds: Sequence[int] = ()
    ) -> None:
        paths = [str(path) for path in removes]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "sh", str(pid), stop.name.removeprefix("SIG"), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=holds,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )

    def dismiss(self) -> None:
        """End the watch and leave the server as it is."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
