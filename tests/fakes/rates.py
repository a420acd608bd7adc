"""Rates in memory."""

from __future__ import annotations

from collections import Counter

from chalicelib.ports.rates import Rate, Taken

from tests.fakes.unavailable import Unavailable


class MemoryRates(Unavailable):
    """`ports.rates.Rates`; what was taken comes back when a test clears `taken`."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def take(self, name: str, rate: Rate) -> Taken:
        self._reach()
        if self.taken[name] >= rate.burst:
            return Taken(False, 0, 1 / rate.per_s)
        self.taken[name] += 1
        return Taken(True, rate.burst - self.taken[name], self.taken[name] / rate.per_s)
