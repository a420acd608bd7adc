"""Orca's Whirlpool, simulated: concentrated liquidity between ticks, 0.30 % of the input as fee.

The market sets the pool's price; three positions of different width around it hold the liquidity. Between
two ticks the pool is a constant product of virtual reserves, and a swap walks from tick to tick as the
program's `swap_manager` does: u64 amounts, square roots of prices in Q64.64, every division against the
trader. Positions are finite: an order that leaves them is refused.

From the Uniswap v3 whitepaper (§6.2), with L the liquidity in a range and s = √price, y per x:
    Δy = L·Δs        Δx = L·Δ(1/s)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import isqrt

from ..domain.curve import Fill
from ..domain.errors import InsufficientLiquidity
from ..domain.routing import BPS, Quote
from ..domain.tokens import HUBS, Token
from .market import Market, depth, sides
from .pool import pool_address, quote_of

TICK_SPACING = 64
FEE_RATE = 3000
"""The fee, in parts of a million."""
POSITIONS = ((8, 50), (32, 35), (108, 15))
"""Each position's reach to either side, in tick spacings, and its share of the pool, in per cent."""
SHARE = 4
"""Concentrated liquidity needs less of it: a side holds this fraction of what the listing says."""

_MILLION = 1_000_000
_ONE = 1 << 64
_FACTORS = (  # 1.0001 ^ -(2ⁿ / 2) in Q64, n from 0, as the program's `tick_math` lists them
    18445821805675392311,
    18444899583751176498,
    18443055278223354162,
    18439367220385604838,
    18431993317065449817,
    18417254355718160513,
    18387811781193591352,
    18329067761203520168,
    18212142134806087854,
    17980523815641551639,
    17526086738831147013,
    16651378430235024244,
    15030750278693429944,
    12247334978882834399,
    8131365268884726200,
    3584323654723342297,
    696457651847595233,
    26294789957452057,
    37481735321082,
)


@lru_cache(maxsize=8192)
def sqrt_price_at(tick: int) -> int:
    """√(1.0001 ^ tick) in Q64.64.

    For negative ticks to the last bit as the program computes it; for positive ones the inverse of that,
    where the program has a second table.
    """
    power = _ONE
    for bit, factor in enumerate(_FACTORS):
        if abs(tick) >> bit & 1:
            power = power * factor >> 64
    return power if tick <= 0 else (1 << 128) // power


def tick_of(sqrt_price: int) -> int:
    """The highest tick whose price is not above this one."""
    tick = math.floor(2 * math.log(sqrt_price / _ONE) / math.log(1.0001))
    while sqrt_price_at(tick) > sqrt_price:
        tick -= 1
    while sqrt_price_at(tick + 1) <= sqrt_price:
        tick += 1
    return tick


def amount_x(lower: int, upper: int, liquidity: int, *, up: bool) -> int:
    """Δx = L·(1/lower − 1/upper), of x that lies between two square roots of prices."""
    numerator, denominator = (liquidity * (upper - lower)) << 64, lower * upper
    return -(-numerator // denominator) if up else numerator // denominator


def amount_y(lower: int, upper: int, liquidity: int, *, up: bool) -> int:
    """Δy = L·(upper − lower), of y that lies between two square roots of prices."""
    product = liquidity * (upper - lower)
    return -(-product >> 64) if up else product >> 64


@dataclass(frozen=True, slots=True)
class Range:
    """Prices between two neighbouring initialised ticks, as square roots, and the liquidity there."""

    lower: int
    upper: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class Part:
    """A range as a swap comes through it, with the square roots of prices at its start and its end.

    `sold` is what it takes, fee included, to come to the end from the price before the swap.
    """

    start: int
    end: int
    liquidity: int
    sold: int


@dataclass(frozen=True, slots=True)
class Step:
    """What a swap does within one range: the price it ends at, and what it takes and gives."""

    sqrt_price: int
    amount_in: int
    fee: int
    amount_out: int


def step_to(target: int, sqrt_price: int, liquidity: int) -> Step:
    """Sell all that moves the price to `target`: x if that is lower, y if it is higher."""
    lower, upper = min(target, sqrt_price), max(target, sqrt_price)
    if target < sqrt_price:
        amount_in = amount_x(lower, upper, liquidity, up=True)
        amount_out = amount_y(lower, upper, liquidity, up=False)
    else:
        amount_in = amount_y(lower, upper, liquidity, up=True)
        amount_out = amount_x(lower, upper, liquidity, up=False)
    fee = -(-amount_in * FEE_RATE // (_MILLION - FEE_RATE))
    return Step(target, amount_in, fee, amount_out)


def step(left: int, sqrt_price: int, target: int, liquidity: int) -> Step:
    """Sell `left` base units, or as much of them as moves the price to `target`: `swap_math::compute_swap`.

    The price after selling Δx is L·s / (L + Δx·s), rounded up; after selling Δy it is s + Δy/L, rounded down.
    What is left over after rounding stays with the pool, as fee.
    """
    whole = step_to(target, sqrt_price, liquidity)
    sold = left * (_MILLION - FEE_RATE) // _MILLION
    if sold >= whole.amount_in:
        return whole
    if target < sqrt_price:
        scaled = liquidity << 64
        after = -(-scaled * sqrt_price // (scaled + sold * sqrt_price))
    else:
        after = sqrt_price + (sold << 64) // liquidity
    part = step_to(after, sqrt_price, liquidity)
    return Step(after, part.amount_in, left - part.amount_in, part.amount_out)


@lru_cache(maxsize=256)
def ranges(x: Token, y: Token, anchor: int) -> tuple[Range, ...]:
    """The pair's liquidity, by rising price, while `anchor` is the last spaced tick below its price.

    A position of liquidity L holds L·(s − s_lower) of y below the price.
    """
    middle = sqrt_price_at(anchor + TICK_SPACING // 2)
    held = depth(x, y, y) // SHARE
    change: dict[int, int] = {}
    for reach, per_cent in POSITIONS:
        lower, upper = anchor - reach * TICK_SPACING, anchor + (reach + 1) * TICK_SPACING
        liquidity = (held * per_cent // 100 << 64) // (middle - sqrt_price_at(lower))
        change[lower] = change.get(lower, 0) + liquidity
        change[upper] = change.get(upper, 0) - liquidity
    found, active = [], 0
    ticks = sorted(change)
    for tick, following in pairwise(ticks):
        active += change[tick]
        found.append(Range(sqrt_price_at(tick), sqrt_price_at(following), active))
    return tuple(found)


@dataclass(frozen=True)
class Whirlpool:
    """`domain.curve.Curve` of a pool: its ranges by rising price, its price, and whether x or y is sold."""

    ranges: tuple[Range, ...]
    sqrt_price: int
    sells_x: bool

    @property
    def capacity(self) -> int:
        """What moves the price out of the last range."""
        return self._way[-1].sold if self._way else 0

    def swap(self, amount_in: int) -> Fill:
        """Sell range by range. Raises InsufficientLiquidity if that leaves the last one."""
        left, fee, amount_out = amount_in, 0, 0
        for start, end, liquidity in self._walk():
            taken = step(left, start, end, liquidity)
            left -= taken.amount_in + taken.fee
            fee += taken.fee
            amount_out += taken.amount_out
            if left == 0:
                return Fill(amount_out, fee, self._impact_bps(amount_in - fee, amount_out))
        raise InsufficientLiquidity(f"{left} base units would leave the pool's positions.")

    def sold_until(self, price: int) -> int:
        """The price is γ·s² when x is sold and γ/s² when y is, with γ = 1 − fee; solved for s."""
        kept = _MILLION - FEE_RATE
        if self.sells_x:
            limit = isqrt(price * _MILLION // kept) + 1
        else:
            limit = isqrt((kept << 256) // (_MILLION * price))
        sold = 0
        for part in self._way:
            if (limit < part.end) if self.sells_x else (limit > part.end):
                sold = part.sold
                continue
            if (limit < part.start) if self.sells_x else (limit > part.start):
                last = step_to(limit, part.start, part.liquidity)
                sold += last.amount_in + last.fee
            break
        return sold

    @cached_property
    def _way(self) -> tuple[Part, ...]:
        """What a swap comes through, range by range."""
        parts, sold = [], 0
        for start, end, liquidity in self._walk():
            whole = step_to(end, start, liquidity)
            sold += whole.amount_in + whole.fee
            parts.append(Part(start, end, liquidity, sold))
        return tuple(parts)

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        """`(price at its start, price at its end, liquidity)` of each range that a swap comes through."""
        for found in reversed(self.ranges) if self.sells_x else self.ranges:
            if self.sells_x and found.lower < self.sqrt_price:
                yield min(found.upper, self.sqrt_price), found.lower, found.liquidity
            elif not self.sells_x and found.upper > self.sqrt_price:
                yield max(found.lower, self.sqrt_price), found.upper, found.liquidity

    def _impact_bps(self, sold: int, amount_out: int) -> int:
        """How much worse than all of `sold` at the price before the trade the fill is, in bps, rounded up."""
        square = self.sqrt_price * self.sqrt_price
        without_impact = sold * square >> 128 if self.sells_x else (sold << 128) // square
        return -(-max(0, without_impact - amount_out) * BPS // without_impact) if without_impact else 0


class Orca:
    """The venue's pools, one for each unordered pair that has a hub, SOL or USDC, in it."""

    name = "orca"

    def __init__(self, market: Market) -> None:
        self._market = market

    def sqrt_price(self, x: Token, y: Token, at_ms: int) -> int:
        """√price in Q64.64 at `at_ms`, for tokens as `sides` gives them."""
        price = self._market.venue_price(self.name, x, y, at_ms)
        return isqrt((price.numerator << 128) // price.denominator)

    def quote_at(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> Quote:
        """What selling `amount_in` gives at that instant. Raises InsufficientLiquidity."""
        x, y = sides(token_in, token_out)
        if x not in HUBS and y not in HUBS:
            raise InsufficientLiquidity(f"Orca has no pool of {x.symbol} and {y.symbol}.")
        sqrt_price = self.sqrt_price(x, y, at_ms)
        anchor = tick_of(sqrt_price) // TICK_SPACING * TICK_SPACING
        curve = Whirlpool(ranges(x, y, anchor), sqrt_price, token_in == x)
        try:
            fill = curve.swap(amount_in)
        except InsufficientLiquidity as error:
            order = f"{token_in.text(amount_in)} {token_in.symbol}"
            raise InsufficientLiquidity(f"{order} is more than Orca's positions can fill.") from error
        address = pool_address(self.name, x, y)
        return quote_of(curve, fill, self.name, address, token_in, token_out, amount_in)
