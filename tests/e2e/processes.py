"""Processes as Linux shows them in /proc; a number that is used again is not the same process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process: its number, and when it was started (ticks since the machine was)."""

    pid: int
    started: int

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        found = _read(self.pid)
        return found is not None and found.state != "Z" and found.process == self


@dataclass(frozen=True)
class _Found:
    process: Process
    parent: int
    state: str


def tree(pid: int) -> set[Process]:
    """The process `pid` and all that descend from it."""
    found = [stat for entry in PROC.iterdir() if entry.name.isdigit() and (stat := _read(int(entry.name)))]
    members = {pid}
    while more := {stat.process.pid for stat in found if stat.parent in members} - members:
        members |= more
    return {stat.process for stat in found if stat.process.pid in members}


def _read(pid: int) -> _Found | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold anything
    return _Found(Process(pid, int(fields[19])), int(fields[1]), fields[0])
