"""Waiting for a condition, where a fixed pause would be too short or too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(condition: Callable[[], Any], within: float = 20.0) -> Any:
    """What `condition` gives once it is true; it may be a coroutine function."""
    async with asyncio.timeout(within):
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.002)
