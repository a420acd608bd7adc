"""Meteora's DLMM, simulated: a walk over price bins, 0.20 % of the input as fee.

The market's price chooses the active bin; the bins around it hold the pool's liquidity; `meteora_dlmm` walks
them exactly as the program does. A pool depends on its pair and its active bin only, so it is kept until the
price leaves the bin. Bins are finite: an order that drains them all is refused.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from meteora_dlmm import Bin, PoolState, StaticParams, VariableParams, array_index_of
from meteora_dlmm import quote as walk

from ..domain.curve import Fill
from ..domain.errors import InsufficientLiquidity
from ..domain.routing import BPS, Quote
from ..domain.tokens import Token
from .market import Market, depth, sides
from .pool import pool_address, quote_of

BIN_STEP = 10
"""bps between a bin's price and the next one's."""
BINS = 69
"""Bins that hold liquidity on each side of the active one."""
SHARE = 4
"""Concentrated liquidity needs less of it: a side holds this fraction of what the listing says."""
FEE_BPS = 20

_ONE = 1 << 64
_MAX = (1 << 128) - 1
_FLAT_FEE = StaticParams(
    base_factor=FEE_BPS * 10_000 // BIN_STEP,  # the program's fee rate is base_factor × bin_step × 10 / 10⁹
    base_fee_power_factor=0,
    variable_fee_control=0,
    max_volatility_accumulator=0,
    filter_period=0,
    decay_period=0,
    reduction_factor=0,
)


@lru_cache(maxsize=8192)
def bin_price(bin_id: int, bin_step: int = BIN_STEP) -> int:
    """Base units of y per base unit of x in a bin, Q64.64: (1 + bin_step / 10 000) ^ bin_id.

    To the last bit as the program's `u64x64_math::pow` computes it: it inverts the base, which is above 1,
    multiplies by squares that so never overflow, and inverts the result unless the exponent was negative.
    """
    if bin_id == 0:
        return _ONE
    power, base = _ONE, _MAX // (_ONE + (bin_step << 64) // BPS)
    exponent = abs(bin_id)
    while exponent:
        if exponent & 1:
            power = power * base >> 64
        base = base * base >> 64
        exponent >>= 1
    return _MAX // power if bin_id > 0 else power


@lru_cache(maxsize=64)
def pool(x: Token, y: Token, active_id: int) -> PoolState:
    """The pair's pool while `active_id` is its active bin.

    Every bin holds the same worth: below the active bin in y, above it in x, the active one half and half.
    """
    y_per_bin = depth(x, y, y) // SHARE // BINS
    bins = {}
    for bin_id in range(active_id - BINS, active_id + BINS + 1):
        price = bin_price(bin_id)
        x_per_bin = (y_per_bin << 64) // price
        amount_x = x_per_bin if bin_id > active_id else x_per_bin // 2 if bin_id == active_id else 0
        amount_y = y_per_bin if bin_id < active_id else y_per_bin // 2 if bin_id == active_id else 0
        bins[bin_id] = Bin(bin_id, amount_x, amount_y, price)
    calm = VariableParams(0, 0, active_id, 0)
    arrays = {array_index_of(bin_id) for bin_id in bins}  # type: ignore[no-untyped-call]
    return PoolState(
        active_id, BIN_STEP, x.decimals, y.decimals, _FLAT_FEE, calm, bins, arrays, exhaustive=True
    )


@lru_cache(maxsize=256)
def _from_bin(x: Token, y: Token, active_id: int, bin_id: int) -> PoolState:
    """The same pool after a swap that has ended in the bin `bin_id`, as far as that bin is concerned."""
    return replace(pool(x, y, active_id), active_id=bin_id)


@dataclass(frozen=True, slots=True)
class Drained:
    """The bins in the order in which a swap drains them, and the sums of the first, the first two, and so on.

    `prices` are what each pays, as `domain.curve` has it, but negative so that they rise. `sold`, the fee
    included, and `bought` are what has changed hands once the bin is empty.
    """

    bin_ids: tuple[int, ...]
    prices: tuple[int, ...]
    sold: tuple[int, ...]
    bought: tuple[int, ...]


@lru_cache(maxsize=128)
def drained(x: Token, y: Token, active_id: int, sells_x: bool) -> Drained:
    """What draining the pool's bins one after the other takes and gives, rounded as the program rounds."""
    bin_ids = tuple(active_id - distance if sells_x else active_id + distance for distance in range(BINS + 1))
    prices, sold, bought = [], [], []
    for bin_id in bin_ids:
        found = pool(x, y, active_id).bins[bin_id]
        price = found.price_x64
        holds = found.amount_y if sells_x else found.amount_x
        taken = -(-(holds << 64) // price) if sells_x else -(-holds * price >> 64)
        pays = price << 64 if sells_x else (1 << 192) // price
        prices.append(-(pays * (BPS - FEE_BPS) // BPS))
        sold.append(-(-taken * BPS // (BPS - FEE_BPS)))
        bought.append(holds)
    return Drained(bin_ids, tuple(prices), tuple(accumulate(sold)), tuple(accumulate(bought)))


@dataclass(frozen=True, slots=True)
class Bins:
    """`domain.curve.Curve` of a pair's pool while `active_id` is its active bin."""

    x: Token
    y: Token
    active_id: int
    sells_x: bool

    @property
    def capacity(self) -> int:
        """What empties all bins."""
        return self._drained().sold[-1]

    def swap(self, amount_in: int) -> Fill:
        """The bins that are drained, and the program's walk for the rest. Raises InsufficientLiquidity."""
        bins = self._drained()
        empty = bisect_right(bins.sold, amount_in)
        left = amount_in - bins.sold[empty - 1] if empty else amount_in
        amount_out = bins.bought[empty - 1] if empty else 0
        if left > 0:
            if empty == len(bins.sold):
                raise InsufficientLiquidity(_unfilled(self.x if self.sells_x else self.y, amount_in, left))
            last = _from_bin(self.x, self.y, self.active_id, bins.bin_ids[empty])
            amount_out += walk(last, left, self.sells_x, timestamp=0).amount_out
        fee = -(-amount_in * FEE_BPS // BPS)
        impact = price_impact_bps(bin_price(self.active_id), amount_in - fee, amount_out, self.sells_x)
        return Fill(amount_out, fee, impact)

    def sold_until(self, price: int) -> int:
        """All of the bins that pay at least `price`."""
        bins = self._drained()
        paying = bisect_right(bins.prices, -price)
        return bins.sold[paying - 1] if paying else 0

    def _drained(self) -> Drained:
        return drained(self.x, self.y, self.active_id, self.sells_x)


class Meteora:
    """The venue's pools, one for each unordered pair."""

    name = "meteora"

    def __init__(self, market: Market) -> None:
        self._market = market

    def active_bin(self, x: Token, y: Token, at_ms: int) -> int:
        """The bin whose price is nearest the market's, for tokens as `sides` gives them."""
        price = self._market.venue_price(self.name, x, y, at_ms)
        return round(math.log(price) / math.log1p(BIN_STEP / BPS))

    def quote_at(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> Quote:
        """What selling `amount_in` gives at that instant. Raises InsufficientLiquidity."""
        x, y = sides(token_in, token_out)
        active_id = self.active_bin(x, y, at_ms)
        sells_x = token_in == x
        curve = Bins(x, y, active_id, sells_x)
        fill = curve.swap(amount_in)
        address = pool_address(self.name, x, y)
        return quote_of(curve, fill, self.name, address, token_in, token_out, amount_in)


def price_impact_bps(active_price: int, sold: int, amount_out: int, sells_x: bool) -> int:
    """How much worse than all of `sold` at the active bin's price the fill is, in bps, rounded up.

    Measured from the bin, which is the pool's price before the trade, and not from the market's price, which
    lies within half a bin step of it: an order that the active bin fills has no impact.
    """
    without_impact = sold * active_price >> 64 if sells_x else (sold << 64) // active_price
    return -(-max(0, without_impact - amount_out) * BPS // without_impact) if without_impact else 0


def _unfilled(token_in: Token, amount_in: int, unfilled: int) -> str:
    order = f"{token_in.text(amount_in)} {token_in.symbol}"
    return f"Meteora's bins can't fill {order}: {token_in.text(unfilled)} of it would be left over."
