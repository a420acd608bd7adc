"""How an order is divided among pools, so that the trader receives the most.

The best division sells on each pool until all pay the same for the next base unit: as long as one pays
more, moving a unit there gains. So one price is searched, at which the pools together take the whole order.
How much each takes at a price it says itself, in closed form (constant product) or by a walk (bins, ticks).
What integers round is then evened out between two pools at a time, with each pool's exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import combinations

from .curve import Curve, Fill, price_where

EXHAUSTIVE = 3
"""Up to this many pools every subset is tried; of more, the one that takes the least is left out first."""

Subset = tuple[int, ...]

NOTHING = Fill(0, 0, 0)
NEAR = (*range(-8, 0), *range(1, 9))
FEE_STEPS = range(-2, 2)
SMALL, SLACK = 100_000, 16
ROUNDS = 8
"""The most rounds of such moves: the first few gain what is to be gained."""
REACH = 1024
"""Base units in which a fee of 20 bps rises by two, and those of more sooner."""


def split(curves: Sequence[Curve], costs: Sequence[int], amount_in: int) -> tuple[int, ...] | None:
    """How much of `amount_in` to sell on each curve, 0 where nothing; None if all together can't take it.

    What counts is the amount received less what the used curves cost, `costs` in base units bought, whatever
    the amount. Of equal divisions, the one on fewer curves. It is never worse than any curve alone, and at
    most one base unit for each curve below the best there is.
    """
    division = Division(curves, amount_in)

    def net_of(amounts: Sequence[int]) -> int:
        used = sum(cost for cost, amount in zip(costs, amounts, strict=True) if amount)
        return division.out(amounts) - used

    rough = [
        (net_of(amounts), chosen) for chosen in division.subsets() if (amounts := division.rough(chosen))
    ]
    most = max((net for net, _ in rough), default=0)
    best: list[int] | None = None
    best_net = 0
    for rough_net, chosen in rough:
        if most - rough_net > division.to_gain:  # evening it out can't make up for that
            continue
        amounts = division.even(chosen)
        net = net_of(amounts)
        if best is None or net > best_net:
            best, best_net = amounts, net
    return tuple(best) if best else None


class Division:
    """The ways to divide one order among some curves; a subset names them by their indexes."""

    def __init__(self, curves: Sequence[Curve], amount_in: int) -> None:
        self._curves = curves
        self._amount_in = amount_in
        self._most = [min(curve.capacity, amount_in) for curve in curves]
        self._fill: Callable[[int, int], Fill] = cache(self._swap)
        self.rough: Callable[[Subset], list[int] | None] = cache(self._at_one_price)
        """The division at which all the chosen pay the same, about; None if they can't take the order."""

    @property
    def to_gain(self) -> int:
        """More than evening out gains: some units of either token a curve; of a small order, anything."""
        gives = sum(self._fill(index, most).amount_out for index, most in enumerate(self._most))
        small = self._amount_in <= SMALL
        return gives if small else SLACK * len(self._curves) * (gives // self._amount_in + 2)

    def out(self, amounts: Sequence[int]) -> int:
        """What the division gives."""
        return sum(self._fill(index, amount).amount_out for index, amount in enumerate(amounts))

    def subsets(self) -> Iterable[Subset]:
        """The subsets to try, small ones first."""
        every = tuple(range(len(self._curves)))
        if len(every) <= EXHAUSTIVE:
            return [chosen for size in range(1, len(every) + 1) for chosen in combinations(every, size)]
        left, tried = every, []
        while len(left) > 1 and (amounts := self.rough(left)) is not None:
            tried.append(left)
            least = min(left, key=amounts.__getitem__)
            left = tuple(index for index in left if index != least)
        return [*((index,) for index in every), *reversed(tried)]

    def even(self, chosen: Subset) -> list[int]:
        """The best division among the chosen, who can take the order, whatever a leg costs.

        Fees are rounded up, so what a pool gives rises in steps: to move a few base units from one pool to
        another, or as many as end where a fee is about to rise, may gain the worth of a unit.
        """
        amounts = list(self.rough(chosen) or ())
        for _ in range(ROUNDS):
            gained = False
            for giver, taker in combinations(chosen, 2):
                units = self._gaining_move(giver, amounts[giver], taker, amounts[taker])
                amounts[giver] -= units
                amounts[taker] += units
                gained = gained or units != 0
            if not gained:
                break
        return amounts

    def _swap(self, index: int, amount: int) -> Fill:
        return self._curves[index].swap(amount) if amount else NOTHING

    def _at_one_price(self, chosen: Subset) -> list[int] | None:
        most = self._most
        if sum(most[index] for index in chosen) < self._amount_in:
            return None
        amounts = [0] * len(most)
        if len(chosen) == 1:
            amounts[chosen[0]] = self._amount_in
            return amounts

        def sold(index: int, price: int) -> int:
            return min(self._curves[index].sold_until(price), most[index])

        low, high = price_where(lambda price: sum(sold(index, price) for index in chosen) >= self._amount_in)
        for index in chosen:
            amounts[index] = sold(index, high)
        # Between the two prices a whole bin may lie; the rest is sold where there is room at the low one.
        left = self._amount_in - sum(amounts)
        room = {index: sold(index, low) - amounts[index] for index in chosen}
        in_all = max(1, sum(room.values()))
        for index in chosen:
            amounts[index] += max(0, min(room[index], room[index] * left // in_all))
        left = self._amount_in - sum(amounts)
        for index in chosen:
            more = max(0, min(left, most[index] - amounts[index]))
            amounts[index] += more
            left -= more
        return amounts

    def _gaining_move(self, giver: int, given: int, taker: int, taken: int) -> int:
        """How many base units to move from one to the other, so that both give the most; 0 if none gains."""

        def out(units: int) -> int:
            left, more = self._fill(giver, given - units), self._fill(taker, taken + units)
            return left.amount_out + more.amount_out

        least = max(-taken, given - self._most[giver])
        most = min(given, self._most[taker] - taken)
        # In a small order what is rounded at the end of each bin or tick range counts: every move is tried.
        moves: set[int] = {0, *(range(-REACH, REACH) if self._amount_in <= SMALL else NEAR)}
        moves.update(given - end for end in self._fee_steps(giver, given))
        moves.update(end - taken for end in self._fee_steps(taker, taken))
        possible = [units for units in moves if least <= units <= most]
        return max(possible, key=lambda units: (out(units), units == 0))

    def _fee_steps(self, index: int, amount: int) -> Iterator[int]:
        """The amounts near `amount` from which one more base unit raises the fee."""
        fill = partial(self._fill, index)
        fee = fill(amount).fee
        for step in FEE_STEPS:
            low, high = max(0, amount - REACH), min(self._most[index], amount + REACH)
            if not fill(low).fee <= fee + step < fill(high).fee:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                if fill(middle).fee <= fee + step:
                    low = middle
                else:
                    high = middle
            yield low
