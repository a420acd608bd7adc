"""The event loop of a process of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_on_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What `work()` gives, run on a loop of its own: uvloop's where there is one."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(work())


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # as on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
