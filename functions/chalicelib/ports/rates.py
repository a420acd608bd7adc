"""Counting how often something is done, over all processes."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Rate(NamedTuple):
    """How often something may be done: `per_s` in the long run, `burst` of them at once."""

    per_s: float
    burst: int


class Taken(NamedTuple):
    """Whether it may be done now; how often more at once; and how long until then, or until all of it, s."""

    is_allowed: bool
    remaining: int
    wait_s: float


class Rates(Protocol):
    """Rates by name."""

    async def take(self, name: str, rate: Rate) -> Taken:
        """Count one more, if it is within the rate. Raises TemporarilyUnavailable."""
