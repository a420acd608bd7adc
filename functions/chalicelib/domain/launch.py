"""A pool of a new token, as a detector reports it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .tokens import Token, new_token


class Launch(NamedTuple):
    """A pool that trades a new token against another, from `opens_at` on.

    `pool`, its address, says which launch it is, however often it is reported. `symbol` is what its maker
    calls the token; it need not be the only one of that name. `liquidity` is what the pool holds of `against`
    when it opens, in base units.
    """

    pool: str
    venue: str
    mint: str
    symbol: str
    decimals: int
    against: Token
    liquidity: int
    opens_at: datetime

    @property
    def token(self) -> Token:
        """The new token."""
        return new_token(self.mint, self.decimals)
