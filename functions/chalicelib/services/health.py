"""Whether the servers behind the engine answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ..domain.errors import TemporarilyUnavailable

TIMEOUT_S = 1.5


@dataclass(frozen=True, slots=True)
class Health:
    """Each server's name and whether it answers."""

    servers: Mapping[str, bool]

    @property
    def ok(self) -> bool:
        """Whether every server answers."""
        return all(self.servers.values())


async def check_health(checks: Mapping[str, Callable[[], Awaitable[None]]]) -> Health:
    """Ask every server at the same time, for at most `TIMEOUT_S`."""
    answers = await asyncio.gather(*(_answers(check) for check in checks.values()))
    return Health(dict(zip(checks, answers, strict=True)))


async def _answers(check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check()
    except (TemporarilyUnavailable, TimeoutError):
        return False
    return True
