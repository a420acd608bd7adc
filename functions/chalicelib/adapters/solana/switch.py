"""The switch that stops all signing within a second: one row, read again before a transaction is signed.

It is read at most twice a second, however many orders there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ...domain.errors import ChainUnavailable, SigningRefused, TemporarilyUnavailable
from .guards import Database

KEPT_S = 0.5
HALTED_BY_SETTING = "SOLANA_HALTED is set"


class Switch:
    """Whether trading is halted, by the row in `database` or for good by `is_halted`."""

    def __init__(
        self, database: Database, *, is_halted: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._is_halted = is_halted
        self._clock = clock
        self._read_at = -KEPT_S
        self._reason: str | None = HALTED_BY_SETTING if is_halted else None
        self._reading = asyncio.Lock()

    async def check(self) -> None:
        """Raises SigningRefused while trading is halted, ChainUnavailable where that can't be read."""
        if not self._is_halted:
            async with self._reading:
                if self._clock() - self._read_at >= KEPT_S:
                    await self._read()
        if self._reason is not None:
            raise SigningRefused(f"Trading is halted: {self._reason}.", code="HALTED")

    async def _read(self) -> None:
        began = self._clock()
        try:
            [row] = await self._database.run("read_halt")
        except TemporarilyUnavailable as error:
            raise ChainUnavailable("Whether trading is halted can't be read.") from error
        self._reason = (row["reason"] or "no reason given") if row["since"] is not None else None
        self._read_at = began
