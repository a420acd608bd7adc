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
from ..ports.store import ALL, OrderFilter, Store
from .announcing import Announcer

MAX_AT_ONCE = 1000
"""The most orders that one call cancels."""


class Cancellation:
    """Cancels orders."""

    def __init__(self, store: Store, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer

    async def cancel(self, account: Account, order_id: str) -> Order:
        """The order, cancelled; also if it was before. Raises NotFound, TooLate, TemporarilyUnavailable."""
        await self._cancel(account, order_id)
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
        return [order_id for order_id, done in zip(found, cancelled, strict=True) if done]

    async def _cancel(self, account: Account, order_id: str) -> bool:
        event = await self._store.cancel(order_id, account)
        if event is not None:
            self._announcer.announce(event, account=account)
        return event is not None
