"""Where an order is filled: on the pools that leave the trader with the most, within the order's limits.

A route is a set of legs, each a swap in one pool: one leg, or several that divide the order among pools (a
split), or two in a row through SOL or USDC (two hops), or both. They are one transaction, so that they land
together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from .curve import BPS as BPS
from .curve import Curve, TwoHops
from .errors import AttemptFailed, BelowMinimumOut, PriceImpactTooHigh
from .splitting import split
from .terms import OrderType, Terms
from .tokens import Token, price

SPLIT_FROM_BPS = 10
"""From this price impact on a split is looked for: below it, other pools hardly give more than they cost."""
HOPS_FROM_BPS = 100
"""From this price impact on a pool is thin, and ways through a hub are asked for, which takes longer."""
LEG_COST_BPS = 1
"""What a further leg must bring, in parts of the order's best single quote: a transaction with more
instructions pays a higher priority fee, and lands less surely. A constant, as the fee is paid in SOL and its
worth in other tokens is not known here."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A venue's answer, a leg of a route, or all of a route; amounts in base units.

    `amount_out` is what the trader receives: after `fee` (in `token_in`) and after price impact, which is how
    much worse than the pool's price before the trade the fill is, fee left out, in bps and rounded up.
    `pool` is the address of the pool, and `curve` what other amounts would give there, if the venue says so.
    `legs` are there if it is the sum of several, in the order of their execution; `venue` is then that of the
    largest. A leg that sells another token than the route's sells all that the leg before it gives.
    """

    venue: str
    token_in: Token
    token_out: Token
    amount_in: int
    amount_out: int
    fee: int
    price_impact_bps: int
    pool: str = field(default="", compare=False)
    curve: Curve | None = field(default=None, compare=False, repr=False)
    legs: tuple[Quote, ...] = ()

    @property
    def price(self) -> Decimal:
        """Tokens out per token in."""
        return price(self.token_out, self.amount_out, self.token_in, self.amount_in)


Answers = Mapping[str, Quote | AttemptFailed]
"""Each venue's quote, or why it gave none, by the venue's name."""


@dataclass(frozen=True, slots=True)
class Route:
    """The quote that an order is filled by, which the venues' answers led to; at least `minimum_out`.

    `slippage_bps` is how much less than quoted the order allows, None if that is not known.
    """

    quote: Quote
    minimum_out: int
    answers: Answers
    slippage_bps: int | None = None

    @property
    def best_single(self) -> Quote | None:
        """What the best venue would have given alone, if one could."""
        return best_single(self.answers)


Path = tuple[Quote, ...]
"""A leg from the token sold to the token bought, or two through a hub."""


def best_single(answers: Answers) -> Quote | None:
    """The best quote of a venue for the whole order, None if there is none."""
    quotes = [answer for answer in answers.values() if isinstance(answer, Quote)]
    return best(quotes) if quotes else None


def legs_of(quote: Quote) -> tuple[Quote, ...]:
    """The legs of a route: itself, if it is one."""
    return quote.legs or (quote,)


def best(quotes: Iterable[Quote]) -> Quote:
    """The quote under which the trader receives the most; of equals, the one that moves the price less."""
    return min(quotes, key=lambda quote: (-quote.amount_out, quote.price_impact_bps, quote.venue))


def best_route(paths: Sequence[Path], amount_in: int) -> Quote | None:
    """The best way to sell `amount_in` on these paths: on one, or divided; None if they can't take it.

    A path quoted for less than `amount_in` takes part in a division only. The curves say what a part would
    give, so no venue is asked again.
    """
    whole = [_sum([path]) for path in paths if path[0].amount_in == amount_in]
    single = best(whole) if whole else None
    if single is not None and single.price_impact_bps < SPLIT_FROM_BPS:
        return single
    known = [(path, curve) for path in paths if (curve := _curve(path)) is not None]
    leg_cost = -(-single.amount_out * LEG_COST_BPS // BPS) if single is not None else 0
    costs = [leg_cost * len(path) for path, _ in known]
    amounts = split([curve for _, curve in known], costs, amount_in) if known else None
    if amounts is None:
        return single
    parts = [_part(path, amount) for (path, _), amount in zip(known, amounts, strict=True) if amount]
    divided = _sum(parts)
    if single is None or _net(divided, leg_cost) > _net(single, leg_cost):
        return divided
    return single


def _net(quote: Quote, leg_cost: int) -> int:
    return quote.amount_out - leg_cost * len(legs_of(quote))


def _curve(path: Path) -> Curve | None:
    first, *second = [quote.curve for quote in path]
    if not second:
        return first
    return TwoHops(first, second[0]) if first is not None and second[0] is not None else None


def _part(path: Path, amount_in: int) -> Path:
    """The path with another amount, which its curves can take."""
    legs = []
    for quote in path:
        if amount_in != quote.amount_in:
            assert quote.curve is not None
            fill = quote.curve.swap(amount_in)
            quote = replace(
                quote,
                amount_in=amount_in,
                amount_out=fill.amount_out,
                fee=fill.fee,
                price_impact_bps=fill.price_impact_bps,
            )
        legs.append(quote)
        amount_in = quote.amount_out
    return tuple(legs)


def _sum(paths: Sequence[Path]) -> Quote:
    """The paths as one quote.

    Its fee is theirs, a second hop's at what the first one has paid. Its impact is the mean of theirs by the
    amounts sold; that of two hops is 1 − (1 − first)·(1 − second).
    """
    largest = max(paths, key=lambda path: path[0].amount_in)
    if len(paths) == 1 and len(largest) == 1:
        return largest[0]
    amount_in = sum(path[0].amount_in for path in paths)
    fee = weighted_impact = 0
    for path in paths:
        first, last, kept = path[0], path[-1], BPS * BPS
        for leg in path:
            kept = kept * (BPS - leg.price_impact_bps) // BPS
        weighted_impact += (BPS * BPS - kept) * first.amount_in
        fee += first.fee
        if last is not first and first.amount_out:
            fee += -(-last.fee * first.amount_in // first.amount_out)
    return Quote(
        largest[0].venue,
        largest[0].token_in,
        largest[-1].token_out,
        amount_in,
        sum(path[-1].amount_out for path in paths),
        fee,
        -(-weighted_impact // (BPS * amount_in)),
        legs=tuple(leg for path in paths for leg in path),
    )


def minimum_received(amount_out: int, terms: Terms, slippage_bps: int | None = None) -> int:
    """The least the trader accepts of `amount_out` base units quoted.

    minimum = max(floor(quoted × (10 000 − slippage) / 10 000), the order's own floor)

    A limit's or a sniper's is its floor alone: its trader has said what is still good enough. `slippage_bps`
    takes the place of the terms' own.
    """
    if terms.keeps_its_price and terms.floor_out is not None:
        return terms.floor_out
    slippage_bps = terms.slippage_bps if slippage_bps is None else slippage_bps
    return max(amount_out * (BPS - slippage_bps) // BPS, terms.floor_out or 0)


def refusal(quote: Quote, terms: Terms, max_price_impact_bps: int) -> AttemptFailed | None:
    """Why an order on these terms is not filled by its best quote; None if it is.

    `max_price_impact_bps` is the limit of an order that has none of its own.
    """
    most = max_price_impact_bps if terms.max_price_impact_bps is None else terms.max_price_impact_bps
    if quote.price_impact_bps > most:
        return PriceImpactTooHigh(
            f"The order would move the price at {_place(quote)} by "
            f"{quote.price_impact_bps / 100:.2f} %; at most {most / 100:.2f} % is allowed."
        )
    if terms.type is OrderType.SNIPER and terms.floor_out is None:
        return BelowMinimumOut("No pool of the token is known to be open.")
    if terms.floor_out is not None and quote.amount_out < terms.floor_out:
        token = terms.token_out
        return BelowMinimumOut(
            f"The best offer, of {_venues(quote)}, is {token.text(quote.amount_out)} {token.symbol}; "
            f"the order asks for at least {token.text(terms.floor_out)}."
        )
    return None


def _place(quote: Quote) -> str:
    return f"{quote.venue}, its best venue," if not quote.legs else f"{_venues(quote)}, on its best route,"


def _venues(quote: Quote) -> str:
    return " and ".join(dict.fromkeys(leg.venue for leg in legs_of(quote)))
