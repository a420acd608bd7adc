"""Live events: publishing them, the registry of connections and subscriptions, and what a relay needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..domain.account import Access
from ..domain.events import Event


class Events(Protocol):
    """Best-effort live notification. A subscriber that misses an event reads it from the store."""

    def publish(self, event: Event) -> None:
        """Publish the event in the background, after those before it. Never raises."""

    async def settled(self) -> None:
        """Return once every event given to `publish` has been sent or dropped, or after some 100 ms.

        Nothing that matters may wait for live events longer than that.
        """

    async def check(self) -> None:
        """Return if the events' server takes a write. Raises TemporarilyUnavailable."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event as it is published and streamed: the text, and what a relay needs to know of it.

    `traceparent` is the context in which it was published, where traces are on.
    """

    order_id: str
    seq: int
    is_terminal: bool
    text: str
    traceparent: str = ""


class ConnectionGone(Exception):
    """The connection is closed, or never existed."""


class Push(Protocol):
    """Messages to clients over their WebSocket connections."""

    async def send(self, connection_id: str, text: str) -> None:
        """Send one text frame. Raises ConnectionGone."""

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the connection; a connection that is closed already is not an error."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A connection's request for an order's events with `seq` > `after`; once stored, the delivered seq."""

    connection_id: str
    order_id: str
    after: int = 0


class Registry(Protocol):
    """Connections, their subscriptions and delivered seqs. Every method may raise TemporarilyUnavailable."""

    async def connect(self, connection_id: str, client: str, access: Access | None = None) -> None:
        """Add a client's new connection, with what it may do if that is limited. Raises LimitReached."""

    async def access(self, connection_id: str) -> Access | None:
        """What `connect` stored of the connection; None if it is not stored."""

    async def use_once(self, nonce: str, connection_id: str, ttl_ms: int) -> bool:
        """Whether no other connection has used this nonce before; it is remembered for `ttl_ms`."""

    async def reserve(self, subscription: Subscription) -> None:
        """Store the subscription without notifying a relay; `subscribe` does that. Raises LimitReached."""

    async def subscribe(self, subscription: Subscription) -> None:
        """Store the subscription and notify the relay of the connection's shard. Raises LimitReached.

        A subscription to the same order that exists already stays as it is.
        """

    async def unsubscribe(self, connection_id: str, order_id: str) -> None:
        """Remove the subscription and notify the relay."""

    async def disconnect(self, connection_id: str, client: str) -> None:
        """Remove the connection with all its subscriptions and notify the relay."""

    async def clear(self) -> None:
        """Remove every connection: for a gateway that starts, and so has none yet."""

    async def is_registered(self, connection_id: str) -> bool:
        """Whether the connection is stored; an open one is not after the registry has lost its data."""

    async def has_relay(self, connection_id: str) -> bool:
        """Whether a relay holds the lease of the connection's shard."""

    def shard(self, connection_id: str) -> int:
        """The shard that serves this connection."""

    async def shards_without_relay(self) -> list[int]:
        """Shards that have connections and no relay."""


class ShardLauncher(Protocol):
    """Starts a function that serves a shard: the relay's, or the triggers'."""

    async def launch(self, shard: int) -> None:
        """Start it for the shard without waiting for it. Raises TemporarilyUnavailable."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message on a relay's channels: an event, a change in the registry, or that messages may be missing.

    A message that could not be understood has no field set.
    """

    event: EventMessage | None = None
    subscribe: Subscription | None = None
    change: int | None = field(default=None, compare=False)  # the number of `subscribe` in `Channel.changes`
    unsubscribe: tuple[str, str] | None = None  # connection, order
    disconnect: str | None = None  # connection
    missed: bool = False  # what was published before this may not have been received


class Channel(Protocol):
    """A relay's access to its shard: the lease, the stored subscriptions, and notifications."""

    @property
    def shard(self) -> int:
        """The number of the shard."""

    async def acquire(self) -> bool:
        """Take or renew the shard's lease; False while another relay holds it."""

    async def release(self) -> None:
        """Release the lease, if this relay holds it."""

    async def subscriptions(self) -> list[Subscription]:
        """Every stored subscription of the shard, each with its delivered seq."""

    async def changes(self) -> int:
        """How many subscriptions the shard's relay was notified of, whether or not it received them.

        Fewer than before after the registry has lost its data.
        """

    async def connections(self) -> int:
        """The number of connections of the shard."""

    async def remove_connection(self, connection_id: str) -> None:
        """Remove a connection that is gone, with all its subscriptions."""

    async def keys(self) -> dict[str, str]:
        """The id of the API key of each connection of the shard that was opened with one."""

    async def listen(self, order_id: str) -> None:
        """Receive this order's events from the moment this returns."""

    async def unlisten(self, order_id: str) -> None:
        """Stop receiving this order's events."""

    def notifications(self) -> AsyncIterator[Notification]:
        """Notifications as they arrive, without end; after a reconnect the first one says `missed`."""

    def save_position(self, subscription: Subscription) -> None:
        """Store the delivered seq in the background, unless the subscription was removed meanwhile."""

    async def settled(self) -> None:
        """Return once every position given to `save_position` is stored."""

    async def restore(self, subscriptions: Sequence[Subscription]) -> None:
        """Store those of the subscriptions, and of their connections, that are missing."""

    async def remove_subscription(self, connection_id: str, order_id: str) -> None:
        """Remove a subscription whose order has no further events."""
