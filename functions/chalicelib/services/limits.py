"""How many requests an account, and an address, may make. A message on a connection counts as one.

While Redis is unavailable there is no limit, and no request waits for it longer than `WAIT_S`; the first ones
of a process do, as the connection has to be opened.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from ..domain.account import Account
from ..domain.errors import TemporarilyUnavailable, TooFast
from ..ports.rates import Rate, Rates

log = logging.getLogger(__name__)

WAIT_S, FIRST_WAIT_S = 0.1, 1.0  # for Redis


class Counted(NamedTuple):
    """What is left: of `limit` requests at once `remaining`, and all of them again in `reset_s` seconds."""

    limit: int
    remaining: int
    reset_s: float


class Limits:
    """Limits requests to `rate`."""

    def __init__(self, rates: Rates, rate: Rate) -> None:
        self._rates = rates
        self._rate = rate
        self._is_away = False
        self._wait_s = FIRST_WAIT_S

    async def take_of(self, account: Account) -> Counted | None:
        """Count a request of the account; None if it could not be counted. Raises TooFast."""
        return await self.take(f"account:{account.id}")

    async def take(self, name: str) -> Counted | None:
        """Count a request of `name`; None if it could not be counted. Raises TooFast."""
        try:
            async with asyncio.timeout(self._wait_s):
                taken = await self._rates.take(name, self._rate)
        except (TemporarilyUnavailable, TimeoutError):
            if not self._is_away:  # said once, for every request comes here
                log.warning("limits: requests are not counted while Redis does not answer")
            self._is_away, self._wait_s = True, WAIT_S
            return None
        self._is_away, self._wait_s = False, WAIT_S
        if not taken.is_allowed:
            raise TooFast(taken.wait_s)
        return Counted(self._rate.burst, taken.remaining, taken.wait_s)
