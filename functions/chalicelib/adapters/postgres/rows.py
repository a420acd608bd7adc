"""Rows of the named statements as values of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ...domain.account import Account
from ...domain.events import Event
from ...domain.launch import Launch
from ...domain.lifecycle import Status
from ...domain.order import Order
from ...domain.terms import OrderType, Terms, resolved
from ...domain.tokens import learn, stored_token
from ...ports.store import Claim, Held
from ...ports.trading import SignedTransaction
from .prepared import Row


@lru_cache(maxsize=1024)
def account_of(name: str) -> Account:
    """The account of that name."""
    return Account(name)


def read_order(row: Row) -> Order:
    """The order in a row with its columns."""
    return Order(
        id=str(row["id"]),
        terms=read_terms(row),
        status=Status(row["status"]),
        attempt=row["attempt"],
        seq=row["seq"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        account=account_of(row["account"]),
        client_order_id=row["client_order_id"],
        venue=row["dex"],
        quoted_out=_whole(row["quoted_out"]),
        minimum_out=_whole(row["minimum_out"]),
        amount_out=_whole(row["amount_out"]),
        signature=row["tx_hash"],
        error=row["error"],
        code=row["code"],
    )


def read_terms(row: Row) -> Terms:
    """The terms of the order in a row with its columns."""
    type, venues, floor_out = OrderType(row["type"]), row["venues"], _whole(row["floor_out"])
    is_sniper = type is OrderType.SNIPER
    terms = Terms(
        stored_token(row["token_in"]),
        stored_token(row["token_out"]),
        int(row["amount_in"]),
        row["slippage_bps"],
        row["max_price_impact_bps"],
        None if is_sniper else floor_out,
        type,
        row["price"],
        row["expires_at"],
        None if venues is None else frozenset(venues.split(",")),
        row["slippage_is_auto"],
        floor_out if is_sniper else None,
    )
    return resolved(terms) if is_sniper else terms


def kept_least(terms: Terms) -> int | None:
    """The column `floor_out` of an order: its floor; of a sniper the least that a pool of its must hold."""
    return terms.min_liquidity if terms.type is OrderType.SNIPER else terms.floor_out


def read_launch(row: Row) -> Launch:
    """The open launch in a row with its columns; its token is learned."""
    launch = Launch(
        row["pool"],
        row["venue"],
        row["mint"],
        row["symbol"],
        row["decimals"],
        stored_token(row["against"]),
        int(row["liquidity"]),
        row["opens_at"],
    )
    learn(launch.token)
    return launch


def read_event(row: Row) -> Event:
    """The event in a row with its columns."""
    return Event(
        order_id=str(row["order_id"]),
        seq=row["seq"],
        status=Status(row["status"]),
        attempt=row["attempt"],
        at=row["at"],
        detail=row["detail"],
    )


def appended_event(row: Row | None, order_id: str, detail: Mapping[str, object]) -> Event | None:
    """The event that a statement has appended; the statement does not return the detail."""
    if row is None:
        return None
    return Event(order_id, row["seq"], Status(row["status"]), row["attempt"], row["at"], detail)


def read_claim(row: Row) -> Claim | Held | Order:
    """What `claim_orders` says of an order."""
    order = read_order(row)
    if row["claimed"]:
        transaction = row["signature"] and SignedTransaction(
            row["signature"], bytes(row["transaction"]), row["last_valid_block_height"]
        )
        return Claim(order, row["fence"], bool(row["fence"] & 1), transaction or None)
    return order if order.is_terminal else Held(max(row["held_ms"] or 0, 0))


def _whole(number: Any) -> int | None:
    return None if number is None else int(number)
