"""Reading orders: one with its events, or a page of them, newest first.

Every read of a caller comes through here, with the caller's account: the one place where "may this account
see this order" is decided. An order of another account is answered as one that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..domain.account import Account
from ..domain.errors import NotFound
from ..domain.events import Event
from ..domain.order import Order
from ..ports.store import ALL, Store
from ..ports.store import OrderFilter as OrderFilter  # for those who ask

Position = tuple[datetime, str]
"""When an order was created, and its id: where a page ended."""


@dataclass(frozen=True, slots=True)
class OrderWithEvents:
    """An order, and its events in order."""

    order: Order
    events: list[Event]


class Orders:
    """The orders that an account may see."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, account: Account, order_id: str) -> OrderWithEvents:
        """One order with its events, as they were at one moment. Raises NotFound, TemporarilyUnavailable.

        Events are only ever appended, each together with its order's `seq`. So those up to the order's own
        are its snapshot; later ones were stored between the two reads.
        """
        order = await self.require(account, order_id)
        events = await self._store.events(order_id)
        if not events:  # withdrawn between the two reads
            raise NotFound(order_id=order_id)
        return OrderWithEvents(order, [event for event in events if event.seq <= order.seq])

    async def require(self, account: Account, order_id: str) -> Order:
        """The order, which the account may see. Raises NotFound, TemporarilyUnavailable."""
        order = await self._store.order(order_id)
        if order is None or order.account != account:
            raise NotFound(order_id=order_id)
        return order

    async def page(
        self, account: Account, limit: int, before: Position | None = None, only: OrderFilter = ALL
    ) -> list[Order]:
        """Up to `limit` of these, newest first, from behind `before`. Raises TemporarilyUnavailable."""
        return await self._store.orders(limit, before, only._replace(account=account))

    async def of_key(
        self, account: Account, key: str, before: Position | None = None, only: OrderFilter = ALL
    ) -> list[Order]:
        """The order that an idempotency key has, if it is on such a page. Raises TemporarilyUnavailable."""
        order = await self._store.order_of_key(key, account)
        if order is None or not only._replace(account=account).has(order):
            return []
        return [order] if before is None or (order.created_at, order.id) < before else []
