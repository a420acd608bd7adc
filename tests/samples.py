"""What tests trade, and steps of orders that no worker has made."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import base58
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
from chalicelib.domain.launch import Launch
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import Quote, Route
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.domain.tokens import find_token, new_token
from chalicelib.domain.transaction import SignedTransaction

SOL, USDC, COPE, BONK = (found for symbol in ("SOL", "USDC", "COPE", "BONK") if (found := find_token(symbol)))
RULES = Rules(100, lambda: ("raydium", "meteora"), 300)
TERMS = Terms(SOL, USDC, 10**9, slippage_bps=100)
QUOTE = Quote("meteora", SOL, USDC, 10**9, 151_000_000, 2_000_000, 1)
ROUTE = Route(QUOTE, 149_490_000, {"meteora": QUOTE, "raydium": QuoteTimeout("No answer.")})


def new_mint() -> str:
    """A mint that no token has had yet: what a process has learned of another would stay."""
    return base58.b58encode(secrets.token_bytes(32)).decode()


def launch_of(mint: str, opens_at: datetime, **changes: Any) -> Launch:
    """A pool of a new token with six decimals, at Raydium, of 100 SOL."""
    launch = Launch(f"pool of {mint}", "raydium", mint, "WIF", 6, SOL, 100 * 10**9, opens_at)
    return launch._replace(**changes)


def sniper(mint: str, price: str = "0.001", **changes: Any) -> Terms:
    """An order to buy a new token for one SOL."""
    terms = Terms(SOL, new_token(mint), 10**9, 100, type=OrderType.SNIPER, price=Decimal(price))
    return replace(terms, **changes)


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
