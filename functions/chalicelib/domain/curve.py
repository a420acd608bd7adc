"""A pool as it was when its venue quoted: what any amount would give, without asking the venue again.

Prices are marginal: what the next base unit sold gives, in base units bought, after the fee, times 2¹²⁸.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from math import isqrt
from typing import Protocol

BPS = 10_000
ONE = 1 << 128
"""The price of one base unit bought for each base unit sold."""
HIGHEST_PRICE = ONE << 64
"""Above what any pool pays."""
PRECISION = 20
"""Prices are searched to within one part in 2²⁰. Between the two found, amounts are taken to lie on a line,
so that what is missed is that part squared, and what it costs that to the fourth power."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What one swap gives; `fee` in the input's base units; the impact leaves the fee out, rounded up."""

    amount_out: int
    fee: int
    price_impact_bps: int


class Curve(Protocol):
    """A pool's snapshot, in one direction."""

    @property
    def capacity(self) -> int:
        """The most base units that can be sold."""

    def swap(self, amount_in: int) -> Fill:
        """What selling `amount_in` gives, exactly as the pool rounds; at most `capacity`."""

    def sold_until(self, price: int) -> int:
        """How much is sold until the next base unit gives less than `price`; at most `capacity`.

        Rounded down. It never grows with the price.
        """


def price_where(enough: Callable[[int], bool]) -> tuple[int, int]:
    """`(low, high)`, two prices next to each other: `enough(low)` holds and `enough(high)` does not.

    `enough` holds for low prices only; 1 is returned as the low one if it holds for none.
    """
    low, high = 1, HIGHEST_PRICE
    while high - low > (low >> PRECISION) + 1:
        middle = isqrt(low * high)  # the geometric mean: prices span many orders of magnitude
        if enough(middle):
            low = middle
        else:
            high = middle
    return low, high


@dataclass(frozen=True)
class TwoHops:
    """The curve of selling on `first`, and then on `second` all that it gave."""

    first: Curve
    second: Curve

    @cached_property
    def capacity(self) -> int:
        """What the first can take and the second too."""
        least, most = 0, self.first.capacity
        if self.first.swap(most).amount_out <= self.second.capacity:
            return most
        while most - least > 1:
            middle = (least + most) // 2
            if self.first.swap(middle).amount_out <= self.second.capacity:
                least = middle
            else:
                most = middle
        return least

    def swap(self, amount_in: int) -> Fill:
        """The fill of both: their fees in what is sold first, and their impacts one after the other."""
        first = self.first.swap(amount_in)
        second = self.second.swap(first.amount_out)
        fee = first.fee
        if first.amount_out:
            fee += -(-second.fee * amount_in // first.amount_out)
        rest = (BPS - first.price_impact_bps) * (BPS - second.price_impact_bps)
        return Fill(second.amount_out, fee, -(-(BPS * BPS - rest) // BPS))

    def sold_until(self, price: int) -> int:
        """Found where both prices multiply to `price` and the second sells just what the first gives.

        There the first may be within a bin, which pays one price: then the second decides how much of it.
        """

        def excess(first_price: int) -> int:
            return self._given(first_price) - self.second.sold_until(max(1, price * ONE // first_price))

        low, high = price_where(lambda first_price: excess(first_price) >= 0)
        most, least = self.first.sold_until(low), self.first.sold_until(high)
        over, under = max(0, excess(low)), -excess(high)
        return min(self.capacity, most - (most - least) * over // max(1, over + under))

    @cached_property
    def _given(self) -> Callable[[int], int]:
        """What the first gives down to a price, kept: searches for different prices begin with the same."""
        return cache(lambda first_price: self.first.swap(self.first.sold_until(first_price)).amount_out)
