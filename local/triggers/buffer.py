"""Messages between the poll that receives them and the places that take them.

Only what an idle place waits for is received. A message that waited here would be out of sight when its
process is killed, until its visibility time-out is over, and SQS would count it as received.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Buffer(Generic[Item]):
    """A queue with reservations: reserve(n) → receive → put(items, reserved=n) … take()."""

    def __init__(self) -> None:
        self._waiting = 0
        self._reserved = 0
        self._items: deque[Item] = deque()
        self._room = asyncio.Event()
        self._filled = asyncio.Event()
        self._closed = False

    async def reserve(self, most: int) -> int:
        """Wait until an item is waited for, and keep room for up to `most` of those; 0 when closed."""
        while not self._closed:
            free = self._waiting - self._reserved - len(self._items)
            if free > 0:
                room = min(most, free)
                self._reserved += room
                return room
            self._room.clear()
            await self._room.wait()
        return 0

    def put(self, items: Sequence[Item], *, reserved: int) -> None:
        """Put what came into the room that was kept, and let go of the rest."""
        self._reserved -= reserved
        self._items.extend(items)
        self._room.set()
        self._filled.set()

    async def take(self) -> Item | None:
        """The oldest item, once there is one; None when closed, whatever is left."""
        self._waiting += 1
        self._room.set()
        try:
            while not self._closed:
                if self._items:
                    return self._items.popleft()
                self._filled.clear()
                await self._filled.wait()
            return None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Give nothing out any more."""
        self._closed = True
        self._room.set()
        self._filled.set()

    def take_all(self) -> list[Item]:
        """What is left."""
        rest = list(self._items)
        self._items.clear()
        return rest
