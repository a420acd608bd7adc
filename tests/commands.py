"""`python -m local COMMAND` for tests, without what it takes to import it: half a second, hundreds of times.

    start("up", …)  ──arguments, environment, descriptors──▶  python commands.py  ──fork──▶  the command
                    ◀───────────── its number, its exit code ─────────────┘

A process that has imported everything is forked for each command. So a command is a process of its own, with
an environment, files, signals and an exit code of its own; only its name in /proc is another one. Tests of
the start itself, or that look for that name, run `python -m local`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("up", "demo", "submit", "open", "launch", "keys", "dlq")  # those that tests call most
LONGEST_S = 60.0
LONGEST_REQUEST = 1 << 17
NUMBER = 8  # bytes

one_at_a_time = threading.Lock()


class Command:
    """A command that runs, with those parts of Popen that tests use."""

    def __init__(self, arguments: tuple[str, ...], environ: Mapping[str, str], cwd: str, *files: int) -> None:
        self.args = ["local", *arguments]
        self.returncode: int | None = None
        self._reply, theirs = socket.socketpair()
        request = json.dumps([arguments, dict(environ), cwd]).encode() + b"\n"
        with theirs, one_at_a_time:
            server = _server()
            server.sendall(request[:-1])  # `send_fds` may send a part
            socket.send_fds(server, [request[-1:]], [theirs.fileno(), *files])
            self.pid = self._received()

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it ends. Raises TimeoutExpired."""
        if self.returncode is None:
            self._reply.settimeout(timeout)
            try:
                self.returncode = self._received()
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._reply.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _received(self) -> int:
        number = self._reply.recv(NUMBER)
        assert number, "the process that is forked for commands has ended"
        return int.from_bytes(number, signed=True)


def start(*arguments: str, environ: Mapping[str, str], output: IO[bytes]) -> Command:
    """Start a command that writes everything to `output`."""
    with Path(os.devnull).open() as nothing:
        return Command(
            arguments, environ, str(Path.cwd()), nothing.fileno(), output.fileno(), output.fileno()
        )


def run(
    *arguments: str, environ: Mapping[str, str], cwd: str = "/", stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises TimeoutExpired."""
    with Path(os.devnull).open() as nothing, _file() as out, _file() as err:
        given = nothing.fileno() if stdin == subprocess.DEVNULL else stdin
        command = Command(arguments, environ, cwd, given, out.fileno(), err.fileno())
        try:
            code = command.wait(LONGEST_S)
        finally:
            command.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command.args, code, out.read(), err.read())


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


@functools.cache
def _server() -> socket.socket:
    """The connection to the process that is forked; it ends with ours."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(requests: socket.socket) -> None:
    """Fork for each request, until the other end is closed. Never more than one thread, for the forks."""
    import gc
    import importlib
    import selectors

    gc.set_threshold(100_000, 50, 50)  # as in local/__main__.py
    modules = importlib.import_module("local.cli").AllCommands.modules
    for name in COMMANDS:
        importlib.import_module(modules[name])
    importlib.import_module("local.servers.sqs.server")
    gc.freeze()
    replies: dict[int, socket.socket] = {}
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        waiting.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in waiting.select()]
            if woken in ready:
                woken.recv(LONGEST_REQUEST)
                for pid in [*replies]:
                    ended, status = os.waitpid(pid, os.WNOHANG)
                    if ended:
                        with replies.pop(pid) as reply, contextlib.suppress(OSError):
                            reply.sendall(os.waitstatus_to_exitcode(status).to_bytes(NUMBER, signed=True))
            if requests in ready:
                request, files = _take(requests)
                if not request:
                    return
                reply = socket.socket(fileno=files[0])
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for each in (requests, woken, wake, reply, *replies.values()):
                        each.close()
                    play(request, files[1:])
                replies[pid] = reply
                for file in files[1:]:
                    os.close(file)
                reply.sendall(pid.to_bytes(NUMBER, signed=True))


def _take(requests: socket.socket) -> tuple[bytes, list[int]]:
    """A request and its descriptors; nothing at the end."""
    taken, files = b"", []
    while not taken.endswith(b"\n"):
        part, received, *_ = socket.recv_fds(requests, LONGEST_REQUEST, 4)
        if not part:
            return b"", []
        taken += part
        files += received
    return taken, files


def play(request: bytes, files: list[int]) -> NoReturn:
    """Be the command."""
    import time

    from local import settings
    from local.cli import COMPLETE, cli

    code: object = 1
    try:
        arguments, environ, cwd = json.loads(request)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(cwd)
        settings.BEGAN = time.monotonic()
        sys.argv = ["local", *arguments]
        cli(arguments, prog_name="./local/run", complete_var=COMPLETE)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)
