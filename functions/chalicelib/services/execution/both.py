"""Two calls at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


async def both(first: Awaitable[First], second: Coroutine[Any, Any, Second]) -> tuple[First, Second]:
    """Both results. An error of either is raised once both have ended, the first's if both raise.

    So no call of an attempt is still running when the attempt has failed. `asyncio.gather` does the same with
    two tasks in place of one.
    """
    other = asyncio.create_task(second)
    try:
        result = await first
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            other.cancel()
        await asyncio.wait([other])
        if not other.cancelled():
            other.exception()  # of both errors, the first's is raised
        raise
    return result, await other
