"""The load client from outside: a process for each job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local import ROOT

Outcome = dict[str, Any]


class LoadError(Exception):
    """The engine refused, or the client could not go on."""


def perform(
    url: str, job: str, on_done: Callable[[int], None] = lambda done: None, **terms: object
) -> Outcome:
    """Run a job to its end; its outcome. Raises LoadError."""
    with _client(url, job, terms) as process:
        for line in _lines(process):
            if "outcome" in line:
                outcome: Outcome = line["outcome"]
                return outcome
            on_done(int(line["done"]))
    raise LoadError(f"the load client ended without an outcome ({job})")


@contextmanager
def idle_sockets(url: str, path: str, sockets: int) -> Iterator[None]:
    """Keep `sockets` open while the block runs. Raises LoadError."""
    with _client(url, "idle", {"path": path, "sockets": sockets}) as process:
        lines = _lines(process)
        if "opened" not in next(lines, {}):
            raise LoadError("the sockets could not be opened")
        yield
        _send(process, "")
        for line in lines:
            if line["outcome"]["lost"]:
                raise LoadError(f"the engine closed {line['outcome']['lost']} idle sockets")


@contextmanager
def flood(url: str, rate: float, key: str, address: str) -> Iterator[Outcome]:
    """Submit at a rate, refused or not, while the block runs; then what was yielded has the counts.

    With a key of its own, and from an address of this machine. Raises LoadError.
    """
    outcome: Outcome = {}
    with _client(url, "flood", {"rate": rate}, key, address) as process:
        lines = _lines(process)
        if "opened" not in next(lines, {}):
            raise LoadError("the flood has not begun")
        yield outcome
        _send(process, "")
        for line in lines:
            outcome |= line.get("outcome", {})


@contextmanager
def _client(
    url: str, job: str, terms: dict[str, Any], key: str = "", address: str = ""
) -> Iterator[subprocess.Popen[str]]:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
    environ["ENGINE_API_KEY"] = key or os.environ.get("ENGINE_API_KEY", "")
    environ["BENCH_ADDRESS"] = address
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.bench.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,  # out of reach of Ctrl-C, which is ours to answer
    )
    try:
        _send(process, json.dumps({"job": job, "url": url, **terms}))
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _send(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if "refused" in said:
            raise LoadError(said["refused"])
        yield said
