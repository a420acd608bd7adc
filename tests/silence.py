"""A server that takes connections and says nothing, as when its machine is overwhelmed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from local.servers import Server


@contextmanager
def silenced(server: Server) -> Iterator[None]:
    """Stop it and its children, while the block runs."""
    assert server.pid is not None
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, text=True)
    pids = [server.pid, *map(int, children.stdout.split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
