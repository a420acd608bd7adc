"""Routes and fills as JSON: what is swapped where, beside it Jupiter's fields, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from ...domain.events import Event, OrderConfirmed
from ...domain.lifecycle import Status
from ...domain.routing import BPS, Answers, Quote, best_single, legs_of
from ...domain.tokens import TOKENS, Token, find_token, plain
from . import schemas

SOL = TOKENS[0]


def jupiter(quote: Quote, minimum_out: int) -> dict[str, object]:
    """The fields of a route that users of Jupiter know; amounts in base units."""
    return {
        "in_amount": str(quote.amount_in),
        "out_amount": str(quote.amount_out),
        "other_amount_threshold": str(minimum_out),
        "price_impact": _ratio(quote.price_impact_bps),
        "route_plan": route_plan(quote),
    }


@lru_cache(maxsize=256)
def _ratio(bps: int) -> str:
    return plain(Decimal(bps).scaleb(-4))


def route_plan(quote: Quote) -> list[schemas.RouteStep]:
    """The legs, each with its share among those that sell the same token; the largest has the rest."""
    legs = legs_of(quote)
    if len(legs) == 1:
        return [schemas.RouteStep(percent=100, bps=BPS, swap_info=_swap_info(quote))]
    shares = [leg.amount_in * BPS // _sold(legs, leg.token_in) for leg in legs]
    for token in {leg.token_in for leg in legs}:
        selling = [index for index, leg in enumerate(legs) if leg.token_in == token]
        largest = max(selling, key=lambda index: legs[index].amount_in)
        shares[largest] += BPS - sum(shares[index] for index in selling)
    return [
        schemas.RouteStep(percent=bps * 100 // BPS, bps=bps, swap_info=_swap_info(leg))
        for leg, bps in zip(legs, shares, strict=True)
    ]


def single_venue(answers: Answers) -> schemas.SingleVenue | None:
    """The best quote of a venue for the whole order."""
    quote = best_single(answers)
    if quote is None:
        return None
    return schemas.SingleVenue(dex=quote.venue, amount_out=quote.token_out.text(quote.amount_out))


def fill(event: OrderConfirmed) -> schemas.Fill | None:
    """How the fill came to what it gave, None if what was quoted is not known."""
    quoted, received, route = event.quoted_out, event.amount_out, event.route
    if quoted is None:
        return None
    fees = None if route is None else _fees((leg.token_in, leg.fee) for leg in legs_of(route.quote))
    return schemas.Fill(
        quoted_out=event.terms.token_out.text(quoted),
        received_out=event.terms.token_out.text(received),
        slippage_used_bps=-((received - quoted) * BPS // quoted) if quoted else 0,
        price_impact_bps=None if route is None else route.quote.price_impact_bps,
        fees=schemas.Fees(
            network=_lamports(event.network_fee), priority=_lamports(event.priority_fee), venue=fees
        ),
        compute_units=event.compute_units,
        best_single=None if route is None else single_venue(route.answers),
    )


def explained(events: Sequence[Event]) -> dict[str, object]:
    """`route_plan` and `fill` of an order, from its events; a part that they do not tell is absent.

    A worker that took over from a lost one did not know the route, so the fill's event lacks what the event
    `building` has.
    """
    built: Mapping[str, object] = {}
    for event in events:
        if event.status is Status.BUILDING:
            built = event.detail
    found: dict[str, object] = {}
    if plan := built.get("routePlan"):
        found["route_plan"] = plan
    filled = events[-1].detail.get("fill")
    if isinstance(filled, Mapping):
        found["fill"] = _completed(dict(filled), built, _step_ms(events))
    return found


def _completed(filled: dict[str, Any], built: Mapping[str, Any], step_ms: dict[str, int]) -> schemas.Fill:
    """The fill of the last event, with what only the event `building` tells, and the time of each step."""
    if "routePlan" in built:
        filled.setdefault("priceImpactBps", built["route"]["priceImpactBps"])
        if "bestSingle" in built:
            filled.setdefault("bestSingle", built["bestSingle"])
        swaps = [step["swapInfo"] for step in built["routePlan"]]
        paid = [(find_token(swap["feeMint"]), int(swap["feeAmount"])) for swap in swaps]
        known = _fees((token, amount) for token, amount in paid if token is not None)
        filled["fees"] = {"venue": msgspec.to_builtins(known), **filled["fees"]}
    return msgspec.convert({**filled, "stepMs": step_ms}, schemas.Fill)


def _lamports(amount: int) -> schemas.Fee:
    return schemas.Fee(amount=SOL.text(amount), token=SOL.symbol)


def _fees(paid: Iterable[tuple[Token, int]]) -> list[schemas.Fee]:
    sums: dict[Token, int] = {}
    for token, amount in paid:
        sums[token] = sums.get(token, 0) + amount
    return [schemas.Fee(amount=token.text(amount), token=token.symbol) for token, amount in sums.items()]


def _step_ms(events: Sequence[Event]) -> dict[str, int]:
    spent: dict[str, int] = {}
    for event, following in pairwise(events):
        ms = round((following.at - event.at).total_seconds() * 1000)
        spent[event.status] = spent.get(event.status, 0) + max(0, ms)
    return spent


def _sold(legs: Sequence[Quote], token: Token) -> int:
    return sum(leg.amount_in for leg in legs if leg.token_in == token)


def _swap_info(leg: Quote) -> schemas.SwapInfo:
    return schemas.SwapInfo(
        amm_key=leg.pool,
        label=leg.venue,
        input_mint=leg.token_in.mint,
        output_mint=leg.token_out.mint,
        in_amount=str(leg.amount_in),
        out_amount=str(leg.amount_out),
        fee_amount=str(leg.fee),
        fee_mint=leg.token_in.mint,
    )
