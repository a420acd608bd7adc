"""The orders and their events, as the use cases need them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..domain.attempt import Claim as Claim  # part of this port
from ..domain.attempt import Transition as Transition  # part of this port
from ..domain.lifecycle import Status
from ..domain.order import Event, Order, Terms


@dataclass(frozen=True, slots=True)
class Held:
    """Another worker holds the order for `remaining_ms` more."""

    remaining_ms: int


class Reason(StrEnum):
    """Why an overdue order cannot be in the queue."""

    UNACKNOWLEDGED = "never acknowledged"
    WORKER_GONE = "worker gone"
    OVERTAKEN = "overtaken"
    QUEUE_DRAINED = "queue drained"


@dataclass(frozen=True, slots=True)
class Overdue:
    """An order that is to be queued again."""

    order_id: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order about to be stored; `client` is who submits it, `key` makes a second submit the same order."""

    id: str
    terms: Terms
    client: str = ""
    key: str | None = None


class Store(Protocol):
    """The truth: orders and their events. Every method may raise TemporarilyUnavailable."""

    async def create(self, new: NewOrder) -> Event | Order:
        """Store a new order and its first event, in one transaction; or the order that has its key already.

        Raises IdempotencyConflict, LimitReached.
        """

    async def withdraw(self, order_id: str) -> bool:
        """Unmake an order that no worker has seen yet, nor another submit under its key; False if one has."""

    async def was_withdrawn(self, order_id: str) -> bool:
        """Whether there was such an order, and it was withdrawn."""

    async def redrive(self, order_id: str) -> Event | None:
        """Give a failed order a new set of attempts; None if it has not failed."""

    async def forget_expired_keys(self) -> None:
        """Forget the idempotency keys whose time is over, and the orders that were withdrawn long ago."""

    async def claim(self, order_id: str) -> Claim | Held | Order | None:
        """Take the order to work on; a pending one moves to `routing` with it.

        Otherwise says why not: Held by another, the Order as it is when it has ended, None if there is none.
        """

    async def record(self, transition: Transition) -> Event:
        """Move the order and append the event, in one transaction.

        Raises ClaimLost if the order has been claimed or moved since: the caller has asked the lifecycle.
        """

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        """Give an undecided order back, to be looked at again in `due_in_ms`. Raises ClaimLost."""

    async def order(self, order_id: str) -> Order | None:
        """One order."""

    async def orders(
        self, limit: int, before: tuple[datetime, str] | None, status: Status | None
    ) -> list[Order]:
        """Up to `limit` orders, newest first, from behind the one created at `before` on."""

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        """The order's events with `seq` > `after`, in order."""

    async def last_seqs(self, order_ids: Collection[str]) -> dict[str, int]:
        """How many events each of these orders has."""

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        """Remember that the queue has these orders' messages."""

    async def any_queued_overdue(self) -> bool:
        """Whether an order that should wait in the queue has been due for longer than `sweep_after_ms`."""

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[Overdue]:
        """Orders that have been due for `sweep_after_ms` and cannot be in the queue, to be queued again.

        Never acknowledged; or their worker is gone; or acknowledged, and much later orders have been claimed,
        or they were due long before the queue was seen drained, `drained_for_ms` ago (None: it was not). Up
        to `limit` with an acknowledged message and as many without; each is given out once, and again only
        after `sweep_after_ms`.
        """

    async def check(self) -> None:
        """Return if the store answers."""
