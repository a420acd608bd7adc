"""Pools of new tokens, simulated: constant product at every venue, as they open in the real ones' too.

A pool opens at exactly the price that it was announced with; from there the price drifts. Before that, and of
a pair that was not launched, there is nothing to trade.
"""

from __future__ import annotations

from math import isqrt

from ..domain.errors import InsufficientLiquidity, PoolNotOpen
from ..domain.routing import Quote
from ..domain.tokens import Token
from .launchpad import Launchpad, NewPool
from .market import PPB, Market
from .pool import quote_of
from .raydium import ConstantProduct
from .venue import Dex

DRIFT = PPB * 3 // 100
"""How far the price drifts to either side, at most, from where the drift was when the pool opened."""


class WithNewPools(Dex):
    """A venue's pools, and those of new tokens that `launchpad` has there."""

    def __init__(self, dex: Dex, market: Market, launchpad: Launchpad) -> None:
        self.name = dex.name
        self._dex = dex
        self._market = market
        self._launchpad = launchpad

    def quote_at(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> Quote:
        """What selling `amount_in` gives at that instant. Raises InsufficientLiquidity, PoolNotOpen."""
        if not (token_in.is_launched or token_out.is_launched):
            return self._dex.quote_at(token_in, token_out, amount_in, at_ms)
        pool = self._launchpad.pool(self.name, token_in, token_out)
        pair = f"{token_in.symbol} and {token_out.symbol}"
        if pool is None:
            raise InsufficientLiquidity(f"{self.name.capitalize()} has no pool of {pair}.")
        if at_ms < pool.opens_ms:
            raise PoolNotOpen(f"{self.name.capitalize()}'s pool of {pair} is not open yet.")
        reserve_in, reserve_out = self._reserves(pool, at_ms)
        if token_in.mint == pool.token.mint:
            reserve_in, reserve_out = reserve_out, reserve_in
        curve = ConstantProduct(reserve_in, reserve_out)
        fill = curve.swap(amount_in)
        return quote_of(curve, fill, self.name, pool.address, token_in, token_out, amount_in)

    def _reserves(self, pool: NewPool, at_ms: int) -> tuple[int, int]:
        """`(against, token)` in base units: arbitrage moves the pool along its curve, as it does `Raydium`'s.

        With a price that has risen by d since it opened: against² × (1 + d), and token² / (1 + d).
        """
        drift = self._drift(pool, at_ms - pool.opens_ms) - self._drift(pool, 0)
        return (
            isqrt(pool.liquidity**2 * (PPB + drift) // PPB),
            isqrt(pool.supply**2 * PPB // (PPB + drift)),
        )

    def _drift(self, pool: NewPool, since_ms: int) -> int:
        return self._market.wave(pool.address, since_ms, -DRIFT, DRIFT)
