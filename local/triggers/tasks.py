"""Ending tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


async def finish(tasks: Collection[asyncio.Task[None]], limit_s: float) -> None:
    """Let the tasks end by themselves for `limit_s`, and cancel those that have not."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=limit_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
