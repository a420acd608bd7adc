"""Announcing transitions that are stored: a log line, the metrics, and the live event.

Every service that moves an order calls this right after the store has committed the move, and nothing else
logs or counts one. So what is in the log has happened.
"""

from __future__ import annotations

import logging
from datetime import datetime

from ..domain.account import LOCAL, Account
from ..domain.events import Event
from ..domain.lifecycle import Status
from ..domain.order import Order
from ..logs import Line, info
from ..ports.live import Events
from ..ports.metrics import ORDERS, STEP, TIME_TO_CONFIRM, Metrics
from ..ports.store import NewOrder, RestingOrder

log = logging.getLogger(__name__)

STEPS = (Status.ROUTING, Status.BUILDING, Status.SUBMITTED)
"""What a worker moves an order through."""
MOST_ENTERED = 10_000  # orders whose last step is remembered; those of lost workers are forgotten in time


class Transition(Line):
    """The line of a transition; most of it is found out where it is written."""

    __slots__ = ("_account", "_event", "_order", "_step_ms")

    def __init__(
        self,
        event: Event,
        order: Order | NewOrder | RestingOrder | None,
        account: Account | None,
        step_ms: int | None,
    ) -> None:
        self.event = "transition"
        self._event = event
        self._order = order
        self._account = account
        self._step_ms = step_ms

    @property
    def pair(self) -> str:
        """`SOL/USDC`; empty where the order is not known."""
        if self._order is None:
            return ""
        terms = self._order.terms
        return f"{terms.token_in.symbol}/{terms.token_out.symbol}"

    @property
    def venue(self) -> str | None:
        """Where it is traded, once that is chosen in this attempt."""
        if self._event.status is Status.ROUTING or not isinstance(self._order, Order):
            return None
        return self._order.venue

    @property
    def code(self) -> str | None:
        """Why it has failed, or is tried again."""
        return self._order.code if isinstance(self._order, Order) else None

    def known(self) -> dict[str, object]:
        """Its fields."""
        event, order, account = self._event, self._order, self._account
        found: dict[str, object] = {
            "order": event.order_id,
            "seq": event.seq,
            "status": str(event.status),
            "attempt": event.attempt,
        }
        if venue := self.venue:
            found["venue"] = venue
        if code := self.code:
            found["code"] = code
        if order is not None:
            account = order.account
        if account is not None and account.id != LOCAL.id:
            found["account"] = account.id
        if self._step_ms is not None:
            found["step_ms"] = self._step_ms
        return found


class Announcer:
    """Announces transitions."""

    def __init__(self, events: Events, metrics: Metrics) -> None:
        self._events = events
        self._metrics = metrics
        self._entered: dict[str, tuple[Status, datetime]] = {}  # by order: the step that it is in, since when

    def announce(
        self,
        event: Event,
        order: Order | NewOrder | RestingOrder | None = None,
        *,
        account: Account | None = None,
    ) -> None:
        """Announce a stored event of `order`, which is as after the event where it is an Order. Never raises.

        `account` is the order's, where the caller knows no more of it.
        """
        self._events.publish(event)
        line = Transition(event, order, account, self._time_step(event))
        info(log, line)
        self._metrics.record(ORDERS, 1, str(event.status), line.pair, line.venue or "", line.code or "")
        if event.status is Status.CONFIRMED and isinstance(order, Order) and not order.terms.rests:
            confirm_ms = (event.at - order.created_at).total_seconds() * 1000
            self._metrics.record(TIME_TO_CONFIRM, confirm_ms)

    def _time_step(self, event: Event) -> int | None:
        """Record the time in the step that the order has left; ms, None if it was in none of this process."""
        left = self._entered.pop(event.order_id, None)
        if event.status in STEPS:
            self._entered[event.order_id] = event.status, event.at
            if len(self._entered) > MOST_ENTERED:
                del self._entered[next(iter(self._entered))]
        if left is None:
            return None
        step, since = left
        took_ms = (event.at - since).total_seconds() * 1000
        self._metrics.record(STEP, took_ms, str(step))
        return round(took_ms)
