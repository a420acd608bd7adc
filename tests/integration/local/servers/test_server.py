"""A server that starts processes of its own and leaves them when it ends: they go with it, in every case."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from local.servers import Server

LONGEST_S = 20.0


class Parent(Server):
    """A shell with a child, whose number it writes down; it does not look after it."""

    name = "parent"
    stops = ((signal.SIGTERM, 5.0),)
    version = "1"
    url = ""

    def command(self, port: int) -> list[str]:
        return ["/bin/sh", "-c", f"sleep 300 & echo $! > {self.child}; wait"]

    def is_ready(self, port: int, pid: int) -> bool:
        return self.child.exists() and bool(self.child.read_text())

    @property
    def child(self) -> Path:
        return self.folder / "child"


@pytest.fixture
def parent(tmp_path: Path) -> Parent:
    parent = Parent(tmp_path / "parent")
    parent.start()
    return parent


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or only what is left of one until its parent asks."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("end", [Parent.stop, Parent.kill], ids=["stopped", "killed"])
def test_what_a_server_leaves_goes_with_it(parent: Parent, end: object) -> None:
    child = int(parent.child.read_text())
    assert callable(end)
    end(parent)
    assert is_gone(child)


def test_so_it_does_when_it_is_the_watchdog_that_ends_it(parent: Parent) -> None:
    child = int(parent.child.read_text())
    assert parent._watchdog
    assert parent._watchdog._process.stdin
    parent._watchdog._process.stdin.close()  # as the kernel does when we are gone
    assert is_gone(child)
    parent.stop()
