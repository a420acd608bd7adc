"""Cancelling orders: one, or an account's resting ones.

An order may be cancelled while no worker holds it. The store decides between the cancel and a worker, or a
trigger, that wants the order at the same moment: one of them moves it.
"""

from __future__ import annotations

import asyncio

from ..domain.account import Account
from ..domain.errors import NotFound, TooLate
from ..domain.lifecycle import Status
from ..domain.order import Order
from ..ports.live import Events
from ..ports.metrics import Metrics
from ..ports.store import ALL, OrderFilter, Store

MAX_AT_ONCE = 1000
"""The most orders that one call cancels."""


class Cancellation:
    """Cancels orders."""

    def __init__(self, store: Store, events: Events, metrics: Metrics) -> None:
        self._store = store
        self._events = events
        self._metrics = metrics

    async def cancel(self, account: Account, order_id: str) -> Order:
        """The order, cancelled; also if it was before. Raises NotFound, TooLate, TemporarilyUnavailable."""
        if await self._cancel(account, order_id):
            self._metrics.cancelled(1)
        order = await self._store.order(order_id)
        if order is None or order.account != account:
            raise NotFound(order_id=order_id)
        if order.status is not Status.CANCELLED:
            raise TooLate(
                f"The order is {order.status}: it can't be cancelled any more.",
                order_id=order_id,
                status=order.status,
            )
        return order

    async def cancel_all(self, account: Account, only: OrderFilter = ALL) -> list[str]:
        """Cancel the account's resting orders, of a pair and of types where given; their ids.

        At most `MAX_AT_ONCE`; an order that fires at the same moment is left out.
        Raises TemporarilyUnavailable.
        """
        found = await self._store.open_orders(MAX_AT_ONCE, only._replace(account=account))
        cancelled = await asyncio.gather(*(self._cancel(account, order_id) for order_id in found))
        if any(cancelled):
            self._metrics.cancelled(sum(cancelled))
        return [order_id for order_id, done in zip(found, cancelled, strict=True) if done]

    async def _cancel(self, account: Account, order_id: str) -> bool:
        event = await self._store.cancel(order_id, account)
        if event is not None:
            self._events.publish(event)
        return event is not None
