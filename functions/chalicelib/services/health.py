"""Whether the servers behind the engine answer, and how many dead letters there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..domain.errors import TemporarilyUnavailable
from ..ports.queue import DeadLetterSummary

TIMEOUT_S = 1.5

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Health:
    """Each server's name and whether it answers; `dead_letters` is None if they could not be counted."""

    servers: Mapping[str, bool]
    dead_letters: DeadLetterSummary | None = None

    @property
    def ok(self) -> bool:
        """Whether every server answers. Dead letters need an operator, but the engine is not degraded."""
        return all(self.servers.values())


async def check_health(
    checks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]],
    summary: Callable[[], Coroutine[Any, Any, DeadLetterSummary]] | None = None,
) -> Health:
    """Check all servers at the same time, for at most `TIMEOUT_S`."""
    answering = [asyncio.create_task(_answers(check())) for check in checks.values()]
    counting = [asyncio.create_task(_count(summary()))] if summary else []
    _, late = await asyncio.wait([*answering, *counting], timeout=TIMEOUT_S)
    for task in late:
        _abandon(task)
    servers = {name: task not in late and task.result() for name, task in zip(checks, answering, strict=True)}
    return Health(servers, next((task.result() for task in counting if task not in late), None))


async def _answers(check: Awaitable[None]) -> bool:
    try:
        await check
    except TemporarilyUnavailable:
        return False
    return True


async def _count(summary: Awaitable[DeadLetterSummary]) -> DeadLetterSummary | None:
    try:
        return await summary
    except TemporarilyUnavailable:
        return None


_abandoned: set[asyncio.Task[Any]] = set()


def _abandon(task: asyncio.Task[Any]) -> None:
    """Cancel the task without waiting for it: a driver may take long to give up on a silent server."""
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio logs it as never retrieved
