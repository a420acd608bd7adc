"""A deployment's first API key in memory."""

from __future__ import annotations

from tests.fakes.unavailable import Unavailable


class MemoryKeptKey(Unavailable):
    """`ports.kept_key.KeptKey`."""

    def __init__(self) -> None:
        self.text: str | None = None

    async def read(self) -> str | None:
        self._reach()
        return self.text

    async def write(self, text: str) -> None:
        self._reach()
        self.text = text
