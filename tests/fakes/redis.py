"""The server behind the live events, the registry and the relays' channels."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.account import Access
from chalicelib.domain.events import Event
from chalicelib.ports.live import Notification

from tests.fakes.unavailable import Unavailable

if TYPE_CHECKING:
    from tests.fakes.channel import MemoryChannel


class Redis(Unavailable):
    """State shared by the live events, the registry and the relays' channels.

    `copies` is how many notifications an event becomes: 1, or 0 (lost), or 2. `cut()` breaks every channel.
    The registry gets no reply while `replying` is cleared.
    """

    def __init__(self) -> None:
        self.replying = asyncio.Event()
        self.replying.set()
        self.connections: defaultdict[int, set[str]] = defaultdict(set)
        self.access: dict[str, Access] = {}
        self.nonces: dict[str, str] = {}
        self.clients: defaultdict[str, set[str]] = defaultdict(set)
        self.subscriptions: defaultdict[int, dict[tuple[str, str], int]] = defaultdict(dict)
        self.changes: Counter[int] = Counter()
        self.subscription_reads = 0  # how often a shard's subscriptions were read
        self.leases: dict[int, str] = {}
        self.channels: set[MemoryChannel] = set()
        self.copies: Callable[[Event], int] = lambda event: 1

    async def reply(self) -> None:
        self._reach()
        await self.replying.wait()

    def remove_connection(self, shard: int, connection_id: str) -> None:
        self.connections[shard].discard(connection_id)
        self.access.pop(connection_id, None)
        for connections in self.clients.values():
            connections.discard(connection_id)
        for key in [*self.subscriptions[shard]]:
            if key[0] == connection_id:
                del self.subscriptions[shard][key]

    def notify(self, shard: int, notification: Notification) -> None:
        for channel in self.channels:
            if channel.shard == shard:
                channel.notification_queue.put_nowait(notification)

    def cut(self) -> None:
        for channel in self.channels:
            channel.notification_queue.put_nowait(Notification(missed=True))

    def flush(self) -> None:
        """Lose all data, as a server does that restarts empty, and have every channel reconnect."""
        self.connections.clear()
        self.access.clear()
        self.nonces.clear()
        self.clients.clear()
        self.subscriptions.clear()
        self.changes.clear()
        self.leases.clear()
        self.cut()
