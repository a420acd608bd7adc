"""The simulated market: what a token is worth at an instant, and what each venue makes of it.

A price is a function of (seed, pair, time) and of nothing else, so every process sees the same market, a
test can fix it, and the chain can settle a swap at an instant that has not come yet. A token that a setting
added has a listing made up from its mint. Each token's dollar
price drifts about its listing; a venue's price is the ratio of two of those, off by the venue's own noise.
Both move along straight lines between hashed values, so within 3 s a price moves by less than 0.4 %.
Integers and exact fractions throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from hashlib import sha256

from ..domain.tokens import TOKENS, Token

PPB = 10**9
"""Noise and drift are whole parts per billion."""

NOISE = {
    "raydium": (-PPB * 2 // 100, PPB * 2 // 100),
    "meteora": (-PPB * 3 // 100, PPB * 2 // 100),
    "orca": (-PPB * 3 // 100, PPB * 2 // 100),
}
"""How far a venue's price lies from the fair one, at the least and at the most."""

NOISE_PERIOD_MS = 60_000
DRIFT_PERIOD_MS = 600_000


@dataclass(frozen=True, slots=True)
class Listing:
    """A token's dollar price when calm, its drift (±, ppb), and the dollars that a pool's side holds."""

    usd: Decimal
    drift: int
    depth_usd: int


_LISTINGS = {
    "SOL": Listing(Decimal("150"), PPB * 3 // 100, 8_000_000),
    "USDC": Listing(Decimal("1"), PPB // 2000, 8_000_000),
    "USDT": Listing(Decimal("1"), PPB // 2000, 5_000_000),
    "RAY": Listing(Decimal("2.5"), PPB * 3 // 100, 2_000_000),
    "COPE": Listing(Decimal("0.02"), PPB * 3 // 100, 60_000),
    "FIDA": Listing(Decimal("0.07"), PPB * 3 // 100, 120_000),
    "JUP": Listing(Decimal("0.45"), PPB * 3 // 100, 1_500_000),
    "BONK": Listing(Decimal("0.00002"), PPB * 3 // 100, 1_000_000),
    "JTO": Listing(Decimal("1.2"), PPB * 3 // 100, 800_000),
}

_RANK = {token: rank for rank, token in enumerate(TOKENS)}


@cache
def _listing(token: Token) -> Listing:
    """The token's listing; of one that has none, 0.01 to 10 dollars and the depth of a lesser token.

    What has more than nine decimals is worth as much more, so that no pool holds more than 64 bits count.
    """
    if token in _RANK:
        return _LISTINGS[token.symbol]
    drawn = _hash("listing", token.mint, 0)
    usd = Decimal(1 + drawn % 1000) / 100
    depth_usd = 100_000 + drawn // 1000 % 400_000
    return Listing(usd.scaleb(max(0, token.decimals - 9)), PPB * 3 // 100, depth_usd)


def sides(one: Token, other: Token) -> tuple[Token, Token]:
    """The pair in the order its pool holds it, whichever of the two is sold: both directions are one pool."""
    if one in _RANK and other in _RANK:
        return (one, other) if _RANK[one] < _RANK[other] else (other, one)
    return (one, other) if _place(one) < _place(other) else (other, one)


def _place(token: Token) -> tuple[int, str]:
    return _RANK.get(token, len(_RANK)), token.mint


@cache
def depth(x: Token, y: Token, side: Token) -> int:
    """Base units of `side` that a pool of `x` and `y` holds when calm: as deep as the thinner token."""
    usd = min(_listing(x).depth_usd, _listing(y).depth_usd)
    return int(usd / _calm_worth(side))


@dataclass(frozen=True, slots=True)
class Market:
    """The market that `seed` names; instants are unix milliseconds."""

    seed: str

    def fair_price(self, x: Token, y: Token, at_ms: int) -> Fraction:
        """Base units of `y` that one base unit of `x` is worth.

        price = worth(x) / worth(y), where worth = calm worth × (10⁹ + drift) / 10⁹
        """
        return _fair_price(self, x, y, at_ms)

    def venue_price(self, venue: str, x: Token, y: Token, at_ms: int) -> Fraction:
        """Base units of `y` per base unit of `x` in `venue`'s pool, for `x` and `y` as `sides` gives them."""
        fair = self.fair_price(x, y, at_ms)
        noise = self._wave(f"{venue}/{x.symbol}/{y.symbol}", at_ms, NOISE_PERIOD_MS, *NOISE[venue])
        return Fraction(fair.numerator * (PPB + noise), fair.denominator * PPB)

    def drift(self, token: Token, at_ms: int) -> int:
        """How far a token's worth is from its calm one at an instant, ppb."""
        most = _listing(token).drift
        return self._wave(token.symbol, at_ms, DRIFT_PERIOD_MS, -most, most)

    def wave(self, subject: str, at_ms: int, low: int, high: int) -> int:
        """A drift of something else, between these bounds."""
        return self._wave(subject, at_ms, DRIFT_PERIOD_MS, low, high)

    def _wave(self, subject: str, at_ms: int, period_ms: int, low: int, high: int) -> int:
        """A value in [low, high] that moves on a straight line from one period's hash to the next one's."""
        period, since = divmod(at_ms, period_ms)
        start, end = (
            low + _hash(self.seed, subject, edge) * (high - low) // 2**64 for edge in (period, period + 1)
        )
        return start + (end - start) * since // period_ms


@lru_cache(maxsize=64)  # every venue asks for the same instant's
def _fair_price(market: Market, x: Token, y: Token, at_ms: int) -> Fraction:
    calm = _calm_price(x, y)
    return Fraction(
        calm.numerator * (PPB + market.drift(x, at_ms)), calm.denominator * (PPB + market.drift(y, at_ms))
    )


@lru_cache(maxsize=4096)  # every price in a period lies between the same two hashes
def _hash(seed: str, subject: str, period: int) -> int:
    return int.from_bytes(sha256(f"{seed}|{subject}|{period}".encode()).digest()[:8])


@cache
def _calm_price(x: Token, y: Token) -> Fraction:
    """Base units of `y` per base unit of `x` at the listing, where nothing has drifted."""
    return _calm_worth(x) / _calm_worth(y)


@cache
def _calm_worth(token: Token) -> Fraction:
    """Dollars per base unit at the listing."""
    return Fraction(_listing(token).usd) / Fraction(10**token.decimals)
