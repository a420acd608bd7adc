"""Whether the servers behind the engine answer, and what its dead letters come to."""

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
    """Each server's name and whether it answers; `dead_letters` is None while they can't be counted."""

    servers: Mapping[str, bool]
    dead_letters: DeadLetterSummary | None = None

    @property
    def ok(self) -> bool:
        """Whether every server answers. Dead letters are for people to look at: the engine is well."""
        return all(self.servers.values())


async def check_health(
    checks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]],
    summary: Callable[[], Coroutine[Any, Any, DeadLetterSummary]] | None = None,
) -> Health:
    """Ask everyone at the same time, for at most `TIMEOUT_S`."""
    answering = [asyncio.create_task(_answers(check())) for check in checks.values()]
    counting = [asyncio.create_task(_told(summary()))] if summary else []
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


async def _told(summary: Awaitable[DeadLetterSummary]) -> DeadLetterSummary | None:
    try:
        return await summary
    except TemporarilyUnavailable:
        return None


_abandoned: set[asyncio.Task[Any]] = set()


def _abandon(task: asyncio.Task[Any]) -> None:
    """Cancel it without waiting: a driver that talks to a silent server takes its time to give up."""
    _abandoned.add(task)
    task.add_done_callback(_buried)
    task.cancel()


def _buried(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that nobody reports it
