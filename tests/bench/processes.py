"""What a side's processes use, read from /proc: CPU by group, memory by process.

A process's figure holds that of the children it has waited for, so the sum over those that live is whole,
also where Postgres has ended a backend in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
ENGINE = "engine"
GROUPS = (ENGINE, "postgres", "redis", "sqs", "solana")


@dataclass(frozen=True)
class Process:
    """A process and its group."""

    pid: int
    group: str


def descendants(roots: Iterable[int]) -> list[Process]:
    """The processes `roots` and all below them. A server's children are of the server's group."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[Process] = []
    waiting = [(pid, ENGINE) for pid in roots]
    while waiting:
        pid, above = waiting.pop()
        group = above if above != ENGINE else group_of(_command(pid))
        found.append(Process(pid, group))
        waiting += [(child, group) for child in children.get(pid, ())]
    return found


def group_of(command: list[str]) -> str:
    """The group of a program: a server, or else the engine."""
    program = Path(command[0].split(":")[0]).name if command else ""
    if program == "postgres":
        return "postgres"
    if program.startswith(("valkey", "redis")):
        return "redis"
    if "ministack" in command or any(part.endswith(".sqs") for part in command):
        return "sqs"
    if any(part.endswith(".solana") for part in command):
        return "solana"
    return ENGINE


def cpu(roots: Iterable[int]) -> dict[str, float]:
    """Seconds of CPU, user and system, that each group has used so far."""
    used = dict.fromkeys(GROUPS, 0.0)
    for process in descendants(roots):
        used[process.group] += _cpu(process.pid)
    return used


def peak_memory(roots: Iterable[int]) -> dict[str, float]:
    """Peak of resident memory by group, in MB. Without Postgres, whose processes share most of theirs."""
    return _sum(roots, "VmHWM")


def memory(roots: Iterable[int]) -> dict[str, float]:
    """Resident memory by group now, in MB. Without Postgres."""
    return _sum(roots, "VmRSS")


def _sum(roots: Iterable[int], name: str) -> dict[str, float]:
    found: dict[str, int] = {}
    for process in descendants(roots):
        if process.group != "postgres":
            kilobytes = int(_status(process.pid).get(name, "0 kB").split()[0])
            found[process.group] = found.get(process.group, 0) + kilobytes
    return {group: kilobytes / 1024 for group, kilobytes in found.items()}


def _parents() -> Iterator[tuple[int, int]]:
    for path in PROC.iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            yield int(path.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """The fields of `stat` from the state on; empty when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) * TICK_S  # utime stime cutime cstime


def _command(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _status(pid: int) -> Mapping[str, str]:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in lines if ":" in line)
