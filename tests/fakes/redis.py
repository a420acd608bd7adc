"""The server behind the doorbell, the registry and the relays' channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.order import Event
from chalicelib.ports.live import Notification

from tests.fakes.away import Away

if TYPE_CHECKING:
    from tests.fakes.channel import MemoryChannel


class Redis(Away):
    """What the doorbell, the registry and the relays' channels share.

    `rings` says how often an event is heard: once, or 0 (lost), or 2. `cut()` breaks every subscription.
    """

    def __init__(self) -> None:
        self.connections: defaultdict[int, set[str]] = defaultdict(set)
        self.clients: defaultdict[str, set[str]] = defaultdict(set)
        self.subscriptions: defaultdict[int, dict[tuple[str, str], int]] = defaultdict(dict)
        self.leases: dict[int, str] = {}
        self.ears: set[MemoryChannel] = set()
        self.rings: Callable[[Event], int] = lambda event: 1

    def forget(self, shard: int, connection_id: str) -> None:
        self.connections[shard].discard(connection_id)
        for connections in self.clients.values():
            connections.discard(connection_id)
        for key in [*self.subscriptions[shard]]:
            if key[0] == connection_id:
                del self.subscriptions[shard][key]

    def control(self, shard: int, heard: Notification) -> None:
        for ear in self.ears:
            if ear.shard == shard:
                ear.heard_queue.put_nowait(heard)

    def cut(self) -> None:
        for ear in self.ears:
            ear.heard_queue.put_nowait(Notification(missed=True))

    def flush(self) -> None:
        """As an empty server after a restart: the subscriptions are made anew."""
        self.connections.clear()
        self.clients.clear()
        self.subscriptions.clear()
        self.leases.clear()
        self.cut()
