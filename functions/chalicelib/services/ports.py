"""What the use cases need from the world, each as small as its user: adapters implement these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..domain.lifecycle import Status
from ..domain.order import Event, Order, Terms
from ..venues.venue import SignedTransaction


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to move one order, for as long as nobody claims it with a higher `fence`.

    `resumed`: the worker before was lost in the middle; `order.status` is where it got to, and `transaction`
    is what it had signed, None if nothing or if it is known to be dead.
    """

    order: Order
    fence: int
    resumed: bool
    transaction: SignedTransaction | None


@dataclass(frozen=True, slots=True)
class Held:
    """Another worker holds the order for `remaining_ms` more."""

    remaining_ms: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of an order: its new status, what the event tells, and what the order's row keeps of it.

    `retry_in_ms` gives the order back (to `pending`, as the next attempt) and says when it is due.
    `transaction` is kept in the same step: what is about to be sent.
    """

    order_id: str
    fence: int
    status: Status
    detail: Mapping[str, object] = field(default_factory=dict)
    retry_in_ms: int | None = None
    dex: str | None = None
    quoted_out: int | None = None
    minimum_out: int | None = None
    amount_out: int | None = None
    tx_hash: str | None = None
    error: str | None = None
    code: str | None = None
    transaction: SignedTransaction | None = None


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
        """Move the order and append the event, in one transaction. Raises ClaimLost."""

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


class Queue(Protocol):
    """The queue between submit and process: at least once, and first in, first out only within seconds.

    The sweep relies on that: an order that much later ones have overtaken is not in the queue any more.
    """

    async def send(self, order_id: str) -> None:
        """Queue the order. Raises TemporarilyUnavailable."""

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        """Have the message delivered again in `delay_ms`."""

    async def is_drained(self) -> bool:
        """Whether no message waits to be received. Others may be with workers, or delayed."""

    async def check(self) -> None:
        """Return if the queue answers."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was received too often; `order_id` is None if its body names no order."""

    message_id: str
    receipt: str
    body: str
    order_id: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """How many there are, and how old, in seconds, the oldest is that was looked at; None if none was."""

    count: int
    oldest_s: float | None


class DeadLetters(Protocol):
    """The queue's dead letters. Every method may raise TemporarilyUnavailable."""

    def pages(self) -> AsyncIterator[list[DeadLetter]]:
        """All of them, a page at a time, each once; their reader has them until it gives them back."""

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Show them to others again."""

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """They are done with."""

    async def summary(self) -> DeadLetterSummary:
        """How many, and how old; takes nothing from anyone."""


class Metrics(Protocol):
    """What whoever operates the engine counts. No method waits, or raises."""

    def confirmed(self, after_ms: float) -> None:
        """An order was filled, so long after it was submitted."""

    def failed(self) -> None:
        """An order has failed for good."""

    def shards_without_relay(self, count: int) -> None:
        """How many shards had connections and no relay."""


class Events(Protocol):
    """Best-effort live notification. A subscriber that misses an event reads it from the store."""

    def publish(self, event: Event) -> None:
        """Publish the event in the background, after those before it. Never raises."""

    async def settled(self) -> None:
        """Return once everything that `publish` was given has left this process, or was given up."""

    async def check(self) -> None:
        """Return if the events' server answers."""


class ConnectionGone(Exception):
    """The client of this connection is no longer there."""


class Push(Protocol):
    """The way to a client's WebSocket."""

    async def send(self, connection_id: str, text: str) -> None:
        """Send one text frame. Raises ConnectionGone."""

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the socket; one that is gone already is fine."""


@dataclass(frozen=True, slots=True)
class Following:
    """A connection's wish to see an order's events with `seq` > `after`."""

    connection_id: str
    order_id: str
    after: int = 0


class Registry(Protocol):
    """Which connections follow which orders, and how far each was told. May raise TemporarilyUnavailable."""

    async def connect(self, connection_id: str, client: str) -> None:
        """A client has connected. Raises LimitReached."""

    async def reserve(self, following: Following) -> None:
        """Write it down, for the relay to be told of it by `follow`. Raises LimitReached."""

    async def follow(self, following: Following) -> None:
        """Write it down and tell the relay of the connection's shard. Raises LimitReached."""

    async def unfollow(self, connection_id: str, order_id: str) -> None:
        """Forget it and tell the relay."""

    async def disconnect(self, connection_id: str, client: str) -> None:
        """Forget the connection with all that it follows, and tell the relay."""

    async def knows(self, connection_id: str) -> bool:
        """Whether the connection is written down; an open one is not after the registry was emptied."""

    async def has_relay(self, connection_id: str) -> bool:
        """Whether a relay holds the connection's shard."""

    def shard(self, connection_id: str) -> int:
        """The shard that serves this connection."""

    async def idle_shards(self) -> list[int]:
        """Shards that have connections and no relay."""


class RelayLauncher(Protocol):
    """Starts the relay function."""

    async def launch(self, shard: int) -> None:
        """Start a relay for the shard and don't wait for it. Raises TemporarilyUnavailable."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a relay hears: a new event, a change of who follows what, or that it may have missed some."""

    event: Mapping[str, object] | None = None
    follow: Following | None = None
    unfollow: tuple[str, str] | None = None  # connection, order
    disconnect: str | None = None
    missed: bool = False


class Channel(Protocol):
    """A relay's own side of the registry and the doorbell, for one shard."""

    async def acquire(self) -> bool:
        """Take or keep the shard's lease; False while another relay holds it."""

    async def release(self) -> None:
        """Give the lease back."""

    async def followings(self) -> list[Following]:
        """Everything the registry holds for the shard."""

    async def connections(self) -> int:
        """How many connections the shard has."""

    async def forget(self, connection_id: str) -> None:
        """The connection is gone, and so is all that it follows."""

    async def listen(self, order_id: str) -> None:
        """Hear this order's events from when this returns on."""

    async def ignore(self, order_id: str) -> None:
        """No longer hear them."""

    def heard(self) -> AsyncIterator[Heard]:
        """What is heard, as it comes, for ever; reconnects by itself and then says `missed`."""

    def told(self, following: Following) -> None:
        """Store in the background how far a connection has been told, unless it was taken back meanwhile."""

    async def settled(self) -> None:
        """Return once all that `told` was given is stored."""

    async def restore(self, followings: Sequence[Following]) -> None:
        """Store followings, and that their connections exist, where they are missing."""

    async def ended(self, connection_id: str, order_id: str) -> None:
        """The connection has nothing more to hear of the order: forget the following."""
