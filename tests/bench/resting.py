"""Limit orders for the simulated market: those that rest on, and those whose price comes at a known time.

A price is a function of the seed, the pair and the time, so it is known here as soon as in the engine.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle
from random import Random
from typing import Any

from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.terms import least_out
from chalicelib.domain.tokens import TOKENS, Token, price
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.orca import Orca
from chalicelib.simulation.raydium import Raydium
from chalicelib.simulation.venue import Dex

_TOKEN = {token.symbol: token for token in TOKENS}
DOLLARS = {
    "SOL": 150.0,
    "USDC": 1.0,
    "USDT": 1.0,
    "RAY": 2.5,
    "COPE": 0.02,
    "FIDA": 0.07,
    "JUP": 0.45,
    "BONK": 0.00002,
    "JTO": 1.2,
}
"""What a token is worth, roughly."""

OTHERS = ("RAY", "COPE", "FIDA", "JUP", "BONK", "JTO")
PAIRS = (
    *((token, money) for token in OTHERS for money in ("SOL", "USDC", "USDT")),
    ("SOL", "USDC"),
    ("SOL", "USDT"),
)
"""Twenty."""
DEEP = (("SOL", "USDC"), ("JUP", "USDC"), ("RAY", "USDT"), ("JTO", "SOL"), ("BONK", "USDC"), ("SOL", "USDT"))
COMING = DEEP + tuple((other, one) for one, other in DEEP)  # in either direction: one of the two mostly rises

SMALLEST, LARGEST = 10.0, 1_000.0  # orders that rest, in dollars: some seven sizes of the triggers
WATCHED = 50.0  # an order whose price comes: so small that one pool fills it
ABOVE = (0.1, 0.5)  # the market, by which nothing in these minutes reaches the price
STEP_MS = 190  # no part of a poll, so that prices come at any time between two looks
STAYS_MS = 2_000  # how long the price must stay once it has come


@dataclass(frozen=True)
class Coming:
    """An order's body, and when its price comes, in unix seconds."""

    body: dict[str, Any]
    at: float


@dataclass(frozen=True)
class _Path:
    """What selling an amount gives, at each of some instants."""

    sold: Token
    bought: Token
    amount_in: int
    outs: dict[int, int]


class Prices:
    """What the venues of a seed give, at any time."""

    def __init__(self, seed: str) -> None:
        market = Market(seed)
        self._venues: tuple[Dex, ...] = Raydium(market), Meteora(market), Orca(market)

    def best_out(self, token_in: Token, token_out: Token, amount_in: int, at_ms: int) -> int:
        """Base units that the best venue alone gives."""
        offers = []
        for venue in self._venues:
            with suppress(InsufficientLiquidity):  # it has no such pool
                offers.append(venue.quote_at(token_in, token_out, amount_in, at_ms).amount_out)
        return max(offers)

    def far(self, number: int, now_ms: int) -> list[dict[str, Any]]:
        """The bodies of `number` limits, over the pairs in turn, whose price is far from the market's."""
        random = Random(1)
        return [
            self._far(random, token_in, token_out, now_ms)
            for _, (token_in, token_out) in zip(range(number), cycle(PAIRS), strict=False)
        ]

    def coming(self, number: int, first_ms: int, now_ms: int) -> list[Coming]:
        """Limits whose price comes one after the other, each STEP_MS after the one before."""
        paths = cycle([self._path(*pair, now_ms, first_ms + number * STEP_MS) for pair in COMING])
        found: list[Coming] = []
        for at_ms in range(first_ms, first_ms + number * STEP_MS, STEP_MS):
            tries = (self._rising(next(paths), at_ms) for _ in range(2 * len(COMING)))
            found += [order for order in tries if order][:1]
        return found

    def _far(self, random: Random, token_in: str, token_out: str, now_ms: int) -> dict[str, Any]:
        sold, bought = _TOKEN[token_in], _TOKEN[token_out]
        amount_in = _worth(sold, SMALLEST * (LARGEST / SMALLEST) ** random.random())
        present = price(bought, self.best_out(sold, bought, amount_in, now_ms), sold, amount_in)
        return _limit(sold, bought, amount_in, present * Decimal(str(1 + random.uniform(*ABOVE))))

    def _path(self, token_in: str, token_out: str, begin_ms: int, end_ms: int) -> _Path:
        sold, bought = _TOKEN[token_in], _TOKEN[token_out]
        amount_in = _worth(sold, WATCHED)
        instants = range(begin_ms, end_ms + STAYS_MS, STEP_MS)
        return _Path(
            sold, bought, amount_in, {ms: self.best_out(sold, bought, amount_in, ms) for ms in instants}
        )

    def _rising(self, path: _Path, at_ms: int) -> Coming | None:
        """An order whose price comes within the step that ends about `at_ms`, not before, and stays.

        None if the market is not so. Between two steps prices move along straight lines.
        """
        sold, bought, amount_in = path.sold, path.bought, path.amount_in
        last = max(ms for ms in path.outs if ms <= at_ms)
        at_price = price(bought, path.outs[last], sold, amount_in)
        least = least_out(sold, bought, amount_in, at_price)
        before = (out for ms, out in path.outs.items() if ms < last)
        after = (out for ms, out in path.outs.items() if last <= ms <= last + STAYS_MS)
        if max(before) >= least or min(after) < least:
            return None
        instants = range(last - STEP_MS, last + 1)
        crossing = instants[
            bisect_left(instants, True, key=lambda ms: self.best_out(sold, bought, amount_in, ms) >= least)
        ]
        return Coming(_limit(sold, bought, amount_in, at_price), crossing / 1000)


def _worth(token: Token, dollars: float) -> int:
    return int(dollars / DOLLARS[token.symbol] * 10**token.decimals)


def _limit(sold: Token, bought: Token, amount_in: int, at: Decimal) -> dict[str, Any]:
    return {
        "tokenIn": sold.symbol,
        "tokenOut": bought.symbol,
        "amount": sold.text(amount_in),
        "type": "limit",
        "limitPrice": f"{at:f}",
    }
