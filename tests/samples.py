"""What tests trade, and steps of orders that no worker has made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.api.wire.requests import Rules
from chalicelib.domain.attempt import Claim, Transition
from chalicelib.domain.errors import QuoteTimeout
from chalicelib.domain.events import (
    OrderBuilding,
    OrderCancelled,
    OrderConfirmed,
    OrderEvent,
    OrderExpired,
    OrderFailed,
    OrderReopened,
    OrderRetrying,
    OrderRouting,
    OrderSubmitted,
)
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import Quote, Route
from chalicelib.domain.terms import Terms
from chalicelib.domain.tokens import find_token
from chalicelib.domain.transaction import SignedTransaction

SOL, USDC, COPE, BONK = (found for symbol in ("SOL", "USDC", "COPE", "BONK") if (found := find_token(symbol)))
RULES = Rules(100, lambda: ("raydium", "meteora"), 300)
TERMS = Terms(SOL, USDC, 10**9, slippage_bps=100)
QUOTE = Quote("meteora", SOL, USDC, 10**9, 151_000_000, 2_000_000, 1)
ROUTE = Route(QUOTE, 149_490_000, {"meteora": QUOTE, "raydium": QuoteTimeout("No answer.")})


def event_of(status: Status, *, retry_in_ms: int = 0) -> OrderEvent:
    """An event with which a worker's order comes to `status`."""
    events: dict[Status, OrderEvent] = {
        Status.OPEN: OrderReopened("The price is gone.", "BELOW_MINIMUM_OUT"),
        Status.CANCELLED: OrderCancelled(),
        Status.EXPIRED: OrderExpired(),
        Status.PENDING: OrderRetrying("No answer.", "QUOTE_TIMEOUT", retry_in_ms),
        Status.ROUTING: OrderRouting(),
        Status.BUILDING: OrderBuilding(ROUTE),
        Status.SUBMITTED: OrderSubmitted("meteora", "signature"),
        Status.CONFIRMED: OrderConfirmed(TERMS, "meteora", "signature", 151_000_000, 7),
        Status.FAILED: OrderFailed("No answer.", "QUOTE_TIMEOUT", 3),
    }
    return events[status]


def step(
    claim: Claim,
    status: Status,
    *,
    transaction: SignedTransaction | None = None,
    retry_in_ms: int = 0,
    **known: Any,
) -> Transition:
    """A step of the claimed order to `status`, legal or not, after which this is known of it."""
    order = replace(claim.order, status=status, **known)
    return Transition(order, claim.fence, event_of(status, retry_in_ms=retry_in_ms), transaction)
