"""Servers that can be away."""

from __future__ import annotations

from chalicelib.domain.errors import TemporarilyUnavailable


class Away:
    """A server that can be away."""

    away = False
    looks = 0  # how often it was asked
    refused = 0  # how often while it was away

    def _reach(self) -> None:
        self.looks += 1
        if self.away:
            self.refused += 1
            raise TemporarilyUnavailable("It is away.")

    async def check(self) -> None:
        self._reach()
