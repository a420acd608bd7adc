"""Where a deployment keeps its administrator's first API key."""

from __future__ import annotations

from typing import Protocol


class KeptKey(Protocol):
    """One key, whole. Both methods may raise TemporarilyUnavailable."""

    async def read(self) -> str | None:
        """The key, or None if none has been kept."""

    async def write(self, text: str) -> None:
        """Keep this key in the place of the one before."""
