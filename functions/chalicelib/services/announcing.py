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
from ..logs import fields
from ..ports.live import Events
from ..ports.metrics import ORDERS, STEP, TIME_TO_CONFIRM, Metrics
from ..ports.store import NewOrder, RestingOrder

log = logging.getLogger(__name__)

STEPS = (Status.ROUTING, Status.BUILDING, Status.SUBMITTED)
"""What a worker moves an order through."""
MOST_ENTERED = 10_000  # orders whose last step is remembered; those of lost workers are forgotten in time


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
        venue = code = None
        if isinstance(order, Order):
            venue, code = order.venue if event.status is not Status.ROUTING else None, order.code
        pair = f"{order.terms.token_in.symbol}/{order.terms.token_out.symbol}" if order is not None else ""
        owner = order.account if order is not None else account
        took_ms = self._time_step(event)
        log.info(
            *fields(
                "transition",
                order=event.order_id,
                seq=event.seq,
                status=event.status.value,
                attempt=event.attempt,
                venue=venue,
                code=code,
                account=owner.id if owner is not None and owner != LOCAL else None,
                step_ms=took_ms,
            )
        )
        self._metrics.record(ORDERS, 1, event.status.value, pair, venue or "", code or "")
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
        self._metrics.record(STEP, took_ms, step.value)
        return round(took_ms)
