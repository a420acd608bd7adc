"""An order, and the moves of its lifecycle. Those of the worker that holds its claim are in `attempt.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .account import LOCAL, Account
from .events import (
    Event,
    OrderBuilding,
    OrderConfirmed,
    OrderEvent,
    OrderFailed,
    OrderReopened,
    OrderRetrying,
)
from .lifecycle import TERMINAL, Actor, Status, check
from .terms import Terms


@dataclass(frozen=True, slots=True)
class Order:
    """An order as stored; amounts in base units, None until known."""

    id: str
    terms: Terms
    status: Status
    attempt: int
    seq: int
    created_at: datetime
    updated_at: datetime
    account: Account = LOCAL
    client_order_id: str | None = None
    venue: str | None = None
    quoted_out: int | None = None
    minimum_out: int | None = None
    amount_out: int | None = None
    signature: str | None = None
    error: str | None = None
    code: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether no event follows, unless an operator redrives the order."""
        return self.status in TERMINAL

    def start_routing(self, at: datetime) -> Order:
        """The order once it is claimed for its next attempt. Raises IllegalTransition."""
        check(self.status, Status.ROUTING, Actor.CLAIM)
        return replace(self, status=Status.ROUTING, seq=self.seq + 1, updated_at=at)

    def fire(self, at: datetime) -> Order:
        """The resting order once its price is there. Raises IllegalTransition."""
        check(self.status, Status.PENDING, Actor.TRIGGER)
        return replace(self, status=Status.PENDING, seq=self.seq + 1, updated_at=at, error=None, code=None)

    def cancel(self, at: datetime) -> Order:
        """The order that its client has cancelled. Raises IllegalTransition."""
        check(self.status, Status.CANCELLED, Actor.CLIENT)
        return replace(self, status=Status.CANCELLED, seq=self.seq + 1, updated_at=at)

    def expire(self, at: datetime) -> Order:
        """The order whose time is over. Raises IllegalTransition."""
        check(self.status, Status.EXPIRED, Actor.TRIGGER)
        return replace(self, status=Status.EXPIRED, seq=self.seq + 1, updated_at=at)

    def redrive(self, at: datetime) -> Order:
        """The failed order with a new set of attempts. Raises IllegalTransition."""
        check(self.status, Status.PENDING, Actor.OPERATOR)
        return replace(
            self,
            status=Status.PENDING,
            seq=self.seq + 1,
            updated_at=at,
            attempt=1,
            error=None,
            code=None,
        )

    def apply(self, event: OrderEvent) -> Order:
        """The order after a move of its worker; the store stamps the time. Raises IllegalTransition."""
        check(self.status, event.status, Actor.WORKER)
        changes: dict[str, Any] = {"status": event.status, "seq": self.seq + 1, "error": None, "code": None}
        match event:
            case OrderBuilding(route):
                changes["venue"] = route.quote.venue
                changes["quoted_out"] = route.quote.amount_out
                changes["minimum_out"] = route.minimum_out
            case OrderConfirmed():
                changes["amount_out"] = event.amount_out
                changes["signature"] = event.signature
            case OrderRetrying():
                changes |= {"attempt": self.attempt + 1, "error": event.error, "code": event.code}
            case OrderFailed() | OrderReopened():
                changes |= {"error": event.error, "code": event.code}
        return replace(self, **changes)

    def last_event(self) -> Event:
        """The event of the move that brought the order here, without its content."""
        return Event(self.id, self.seq, self.status, self.attempt, self.updated_at)
