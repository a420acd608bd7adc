"""Raydium's standard pool, simulated: constant product, 0.30 % of the input as fee.

The market sets the pool's price and the listing its k; the reserves follow from both, and `swap` is the
program's arithmetic on them: u64 integers, every division against the trader.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from ..domain.curve import ONE, Fill
from ..domain.routing import BPS, Quote
from ..domain.terms import MAX_BASE_UNITS
from ..domain.tokens import Token
from .market import Market, depth, sides
from .pool import pool_address, quote_of

FEE_BPS = 30


def swap(reserve_in: int, reserve_out: int, amount_in: int) -> Fill:
    """Sell `amount_in` into a pool with these reserves; all in base units.

    x·y = k, from docs.raydium.io (Constant Product Market Maker), x the reserve sold into:
        Δx = amount_in − ⌈amount_in × fee⌉
        Δy = ⌊y·Δx / (x + Δx)⌋
    The price before is y/x and the fill's is y/(x + Δx), so
        impact = 1 − x/(x + Δx) = Δx / (x + Δx)
    """
    fee = -(-amount_in * FEE_BPS // BPS)
    sold = amount_in - fee
    reserve_after = reserve_in + sold
    amount_out = reserve_out * sold // reserve_after
    price_impact_bps = -(-sold * BPS // reserve_after)
    return Fill(amount_out, fee, price_impact_bps)


@dataclass(frozen=True, slots=True)
class ConstantProduct:
    """`domain.curve.Curve` of a pool with these reserves."""

    reserve_in: int
    reserve_out: int

    @property
    def capacity(self) -> int:
        """Such a pool takes any amount."""
        return MAX_BASE_UNITS

    def swap(self, amount_in: int) -> Fill:
        """What `swap` gives."""
        return swap(self.reserve_in, self.reserve_out, amount_in)

    def sold_until(self, price: int) -> int:
        """The derivative of `swap`, solved for the amount: with γ = 1 − fee,

        price = γ·k / (x + Δx)², so x + Δx = √(γ·k / price) and amount_in = Δx / γ
        """
        kept = BPS - FEE_BPS
        reserve_after = isqrt(self.reserve_in * self.reserve_out * kept * ONE // (BPS * price))
        return max(0, min(self.capacity, (reserve_after - self.reserve_in) * BPS // kept))


class Raydium:
    """The venue's pools, one for each unordered pair."""

    name = "raydium"

    def __init__(self, market: Market) -> None:
        self._market = market

    def reserves(self, x: Token, y: Token, at_ms: int) -> tuple[int, int]:
        """`(x, y)` in base units at `at_ms`, for tokens as `sides` gives them.

        Arbitrage moves a pool along its curve, so k stays what the listing gave it, and with price p = y/x:
        x = √(k/p), y = √(k·p).
        """
        k = depth(x, y, x) * depth(x, y, y)
        price = self._market.venue_price(self.name, x, y, at_ms)
        numerator, denominator = price.numerator, price.denominator
        return isqrt(k * denominator // numerator), isqrt(k * numerator // denominator)

    def quote_at(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> Quote:
        """What selling `amount_in` gives at that instant. Raises InsufficientLiquidity."""
        x, y = sides(token_in, token_out)
        reserve_x, reserve_y = self.reserves(x, y, at_ms)
        reserve_in, reserve_out = (reserve_x, reserve_y) if token_in == x else (reserve_y, reserve_x)
        curve = ConstantProduct(reserve_in, reserve_out)
        fill = curve.swap(amount_in)
        address = pool_address(self.name, x, y)
        return quote_of(curve, fill, self.name, address, token_in, token_out, amount_in)
