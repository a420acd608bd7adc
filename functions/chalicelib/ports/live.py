"""Live events: publish and subscribe, connections, and what a relay needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..domain.order import Event


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
