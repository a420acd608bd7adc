"""New tokens of the simulated market: their pools, and the detector that reports them.

A launch is a row in `sim.launches`, so that every process sees the same ones. It is reported twice, as real
detectors do, and from when it is announced, which may be long before its pool opens.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ..batcher import Batcher
from ..domain.launch import Launch
from ..domain.tokens import Token, find_token, listed_token, new_token
from ..ports.launches import Launches
from .database import Database

if TYPE_CHECKING:
    from .launch_plan import Plan

log = logging.getLogger(__name__)


class NewPool(NamedTuple):
    """A pool of a new token, with what it holds when it opens: `liquidity` of `against`, `supply` of it."""

    address: str
    venue: str
    token: Token
    symbol: str
    against: Token
    liquidity: int
    supply: int
    opens_at: datetime

    @property
    def opens_ms(self) -> int:
        """When it opens, in unix milliseconds, not before."""
        return math.ceil(self.opens_at.timestamp() * 1000)


def mint_of(symbol: str) -> str:
    """The mint of a token that is launched under this symbol, unless another is chosen for it."""
    import base58  # only here: most functions launch nothing, and start without it

    return base58.b58encode(sha256(f"mint|{symbol}".encode()).digest()).decode()


class Launchpad(Launches):
    """Announces launches and reports them; those of the setting SIM_LAUNCHES before it reports any."""

    def __init__(self, database: Database, setting: str = "") -> None:
        self._database = database
        self._setting = setting
        self._pools: dict[str, list[NewPool]] = {}  # by mint, of those that have been read
        self._read = Batcher(self._read_all)

    async def launch(self, plan: Plan) -> NewPool | None:
        """The pool, announced or reported again; None if it is there already with something else in it.

        Raises LaunchError, TemporarilyUnavailable.
        """
        row = plan.row()
        found = await self._database.run("launch_pools", **{name: [value] for name, value in row.items()})
        return _pool(row | found[0]) if found else None

    async def know(self, mints: Collection[str]) -> None:
        """Read the pools of those of these mints that are not listed. Raises TemporarilyUnavailable."""
        if new := [mint for mint in mints if listed_token(mint) is None]:
            await self._read(new)

    def token(self, mint: str) -> Token | None:
        """The token with this mint, listed or of a pool that has been read."""
        pools = self._pools.get(mint)
        return listed_token(mint) or (pools[0].token if pools else None)

    def pool(self, venue: str, one: Token, other: Token) -> NewPool | None:
        """A venue's pool of two tokens, of those that have been read."""
        mints = {one.mint, other.mint}
        for mint in mints:
            for pool in self._pools.get(mint, ()):
                if pool.venue == venue and {pool.token.mint, pool.against.mint} == mints:
                    return pool
        return None

    async def detected(self, limit: int) -> Sequence[Launch]:
        if self._setting:
            from .launch_plan import parse

            for plan in parse(self._setting):
                if await self.launch(plan) is None:
                    log.warning("launch left out, as its pool is there already symbol=%s", plan.symbol)
            self._setting = ""
        pools = map(_pool, await self._database.run("unreported_launches", limit=limit))
        return [
            Launch(
                pool.address,
                pool.venue,
                pool.token.mint,
                pool.symbol,
                pool.token.decimals,
                pool.against,
                pool.liquidity,
                pool.opens_at,
            )
            for pool in pools
        ]

    async def take(self, launches: Sequence[Launch]) -> None:
        await self._database.run("take_launches", pool=[launch.pool for launch in launches])

    async def _read_all(self, asked: Sequence[list[str]]) -> Sequence[None]:
        mints = dict.fromkeys(mint for mints in asked for mint in mints)
        found: dict[str, list[NewPool]] = {}
        for row in await self._database.run("pools_of", mint=list(mints)):
            found.setdefault(row["mint"], []).append(_pool(row))
        self._pools |= found
        return [None] * len(asked)


def _pool(row: dict[str, Any]) -> NewPool:
    against = find_token(row["against"])
    assert against is not None
    return NewPool(
        row["pool"],
        row["venue"],
        new_token(row["mint"], row["decimals"]),
        row["symbol"],
        against,
        row["liquidity"],
        row["supply"],
        row["opens_at"],
    )
