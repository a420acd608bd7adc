"""The store of orders and their events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..domain.account import LOCAL, Account
from ..domain.attempt import Claim as Claim  # part of this port
from ..domain.attempt import Transition as Transition  # part of this port
from ..domain.events import Event
from ..domain.lifecycle import Status
from ..domain.order import Order
from ..domain.terms import OrderType, Terms
from ..domain.tokens import Token

if TYPE_CHECKING:
    from ..domain.launch import Launch


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
    account: Account = LOCAL


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be stored; `client` is whose limit it counts for, `key` the account's idempotency key."""

    id: str
    terms: Terms
    client: str = ""
    key: str | None = None
    account: Account = LOCAL


class OrderFilter(NamedTuple):
    """Which orders of an account a list has: all, but for what is given. `since` is in it, `until` is not."""

    statuses: Collection[Status] | None = None
    types: Collection[OrderType] | None = None
    token_in: Token | None = None
    token_out: Token | None = None
    since: datetime | None = None
    until: datetime | None = None
    account: Account = LOCAL

    def has(self, order: Order) -> bool:
        """Whether the order is one of them."""
        terms = order.terms
        return (
            order.account == self.account
            and (self.statuses is None or order.status in self.statuses)
            and (self.types is None or terms.type in self.types)
            and (self.token_in is None or self.token_in.mint == terms.token_in.mint)
            and (self.token_out is None or self.token_out.mint == terms.token_out.mint)
            and (self.since is None or order.created_at >= self.since)
            and (self.until is None or order.created_at < self.until)
        )


ALL = OrderFilter()


@dataclass(frozen=True, slots=True)
class RestingGroup:
    """Resting orders of a pair, a type and a size: they sell 2^(size−1) to 2^size − 1 base units each."""

    token_in: Token
    token_out: Token
    type: OrderType
    size: int


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """A price beyond which no order of a group can fire: in tokens out per token in, of snipers the inverse.

    `liquidity`: what the largest open pool of a sniper's pair holds, in base units of `token_in`.
    """

    group: RestingGroup
    price: Decimal
    liquidity: int = 0


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """A resting order that may fire."""

    order_id: str
    terms: Terms
    account: Account = LOCAL


@dataclass(frozen=True, slots=True)
class Fired:
    """An order that is to be fired: its size would get `price` tokens out per token in.

    Of a sniper it is the inverse, as its own price is.
    """

    order_id: str
    price: Decimal


class Store(Protocol):
    """The only truth about orders and their events. Every method may raise TemporarilyUnavailable.

    A call whose reply was lost is made again by the store itself, and returns what the first one did.
    """

    async def create(self, new: NewOrder) -> Event | Order:
        """Store a new order with its first event, in one transaction; or return the order that its key has.

        An order whose id is there already was stored by an earlier call of its creator, which gets its first
        event. Raises IdempotencyConflict, LimitReached, and OutcomeUnknown if the order may have been stored.
        """

    async def first(self, new: NewOrder) -> Order | None:
        """The order that `create` would return, as the key has it; else None. Raises IdempotencyConflict."""

    async def withdraw(self, order_id: str) -> bool:
        """Delete an order that no worker has claimed and no other submit was given; False if one was.

        True also if it was withdrawn before. Raises OutcomeUnknown if it may have been deleted.
        """

    async def was_withdrawn(self, order_id: str) -> bool:
        """Whether there was such an order, which was withdrawn."""

    async def redrive(self, order_id: str) -> Event | None:
        """Give a failed order a new set of attempts; None if it is not failed."""

    async def cancel(self, order_id: str, account: Account = LOCAL) -> Event | None:
        """Cancel an account's order that rests, or waits for a worker; None if it does neither."""

    async def open_orders(self, limit: int, only: OrderFilter = ALL) -> list[str]:
        """Up to `limit` resting orders of an account, of a pair and of types if given."""

    async def expire(self, limit: int) -> list[Event]:
        """End up to `limit` orders whose time is over and that no worker holds."""

    async def lease_triggers(self, shard: int, holder: str, lease_ms: int) -> bool:
        """Take or renew the lease of a shard of the triggers; False while another holder has it."""

    async def release_triggers(self, shard: int, holder: str) -> None:
        """Give the lease up, so that the next run need not wait for its end."""

    async def resting_groups(self) -> list[RestingGroup]:
        """Every pair, type and size that an order rests in."""

    async def resting_at(self, levels: Sequence[PriceLevel], limit: int) -> list[RestingOrder]:
        """Up to `limit` orders of each level's group that may fire: limits up to it, others from it.

        Of snipers only those that ask for no more than its liquidity.
        """

    async def fire(self, orders: Sequence[Fired]) -> list[Event]:
        """Move resting orders to `pending`, to be queued; those that were moved meanwhile are left out."""

    async def add_launches(self, launches: Sequence[Launch]) -> None:
        """Store launches; those whose pool is there already stay as they are."""

    async def open_launches(self, mints: Collection[str]) -> list[Launch]:
        """The pools of these mints that are open, the earliest first. Their tokens are learned."""

    async def newest_launches(self, limit: int) -> list[Launch]:
        """Up to `limit` pools that are open, the newest first. Their tokens are learned."""

    async def forget_expired_keys(self) -> None:
        """Delete expired idempotency keys, and the records of orders withdrawn long ago."""

    async def claim(self, order_id: str) -> Claim | Held | Order | None:
        """Claim the order; a pending one moves to `routing` with the claim.

        If it can't be claimed: Held by another worker, or not to be worked on now (it rests, or its time is
        over); the Order if it is terminal; None if there is none.
        """

    async def record(self, transition: Transition) -> Event:
        """Move the order and append the event, in one transaction.

        Raises ClaimLost if the order has been claimed or moved since: the caller has asked the lifecycle.
        """

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        """End the claim on an undecided order, which is due again in `due_in_ms`. Raises ClaimLost."""

    async def order(self, order_id: str) -> Order | None:
        """One order."""

    async def order_of_key(self, key: str, account: Account = LOCAL) -> Order | None:
        """The order that an account's idempotency key has, for as long as the key is kept."""

    async def orders(
        self, limit: int, before: tuple[datetime, str] | None = None, only: OrderFilter = ALL
    ) -> list[Order]:
        """Up to `limit` of these orders, newest first, from behind `before`."""

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        """The order's events with `seq` > `after`, in order."""

    async def last_seqs(self, order_ids: Collection[str]) -> dict[str, int]:
        """The last event's `seq` of each of these orders."""

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        """Store that the queue has acknowledged these orders' messages."""

    async def any_queued_overdue(self) -> bool:
        """Whether any queued order has been due for longer than `sweep_after_ms`."""

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[Overdue]:
        """Orders that have been due for `sweep_after_ms` and cannot be in the queue, to be queued again.

        Those never acknowledged; those whose worker is lost; and those acknowledged, if much later orders of
        their account have been claimed, or if they were due long before the queue was seen drained,
        `drained_for_ms` ago (None: it was not). Up to `limit` acknowledged ones and as many others; each is
        returned at most once per `sweep_after_ms`.
        """

    async def check(self) -> None:
        """Return if the store would take an order now. Leaves nothing behind, and disturbs no other call."""
