"""Servers that can be unavailable."""

from __future__ import annotations

from chalicelib.domain.errors import TemporarilyUnavailable


class Unavailable:
    """A server that is unavailable while a test says so."""

    unavailable = False
    looks = 0  # calls
    refused = 0  # calls while it was unavailable

    def _reach(self) -> None:
        self.looks += 1
        if self.unavailable:
            self.refused += 1
            raise TemporarilyUnavailable("It is unavailable.")

    async def check(self) -> None:
        self._reach()
