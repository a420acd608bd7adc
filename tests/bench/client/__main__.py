"""A job from stdin, its outcome to stdout.

← {"job": "burst", "url": "http://…", "orders": 2000, "clients": 50}
→ {"done": 180}                     as often as there is news, at most ten times a second
→ {"opened": 1000}                  of `idle`: what was asked for is open; it waits for a line on stdin
→ {"opened": 1}                     of `flood`: it is refused by now; it goes on until a line on stdin
→ {"outcome": {…, "cpu": 1.2}}      or {"refused": "…"}
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import uvloop
from websockets.exceptions import WebSocketException

from local.client import AsyncEngineClient, ClientError

from .listening import crowd, idle, own_sockets
from .submitting import OrderRefused, batches, burst, flood, steady

EVERY_S = 0.1
ADDRESS = os.environ.get("BENCH_ADDRESS") or None  # of this machine, that connections come from


def say(**line: object) -> None:
    """Write a line."""
    print(json.dumps(line), flush=True)


class Progress:
    """Says how much is done, not more often than one can read it."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            say(done=done)


async def perform(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the job says."""
    async with AsyncEngineClient(job["url"], local_address=ADDRESS) as client:
        return await _perform(client, job)


async def _perform(client: AsyncEngineClient, job: dict[str, Any]) -> dict[str, Any]:
    progress = Progress()
    match job["job"]:
        case "burst":
            return await burst(client, job["orders"], job["clients"], progress)
        case "steady":
            return await steady(client, job["orders"], job["rate"], progress)
        case "own_sockets":
            return await own_sockets(client, job["orders"], job["clients"], progress)
        case "batches":
            return await batches(client, job["orders"], job["clients"], progress)
        case "crowd":
            return await crowd(client, job["sockets"])
        case "idle":
            return await idle(client, job["path"], job["sockets"], lambda: _opened(job["sockets"]))
        case "flood":
            return await flood(client, job["rate"], lambda: _opened(1))
    raise ValueError(f"no such job: {job['job']}")


async def _opened(number: int) -> None:
    """Say so, and wait for a line."""
    say(opened=number)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def main() -> None:
    """Read, do, say."""
    job = json.loads(sys.stdin.readline())
    try:
        outcome = uvloop.run(perform(job))
    except (ClientError, OrderRefused, WebSocketException, OSError) as error:
        say(refused=str(error))
    else:
        say(outcome=outcome | {"cpu": time.process_time()})


if __name__ == "__main__":
    main()
