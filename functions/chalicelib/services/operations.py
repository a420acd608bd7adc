"""What an operator looks at: the queue, orders under way, what has become of recent ones, dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..domain.account import Account
from ..domain.errors import TemporarilyUnavailable
from ..domain.lifecycle import Status
from ..domain.order import Order
from ..ports.activity import Activity, Recent
from ..ports.queue import DeadLetter, DeadLetters, Queue, QueueDepth
from ..ports.store import Store
from .health import Health
from .redrive import Redrive, Tally

RECENT_S = 60

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Overview:
    """The engine at a glance. A part is None while the server that knows it does not answer."""

    health: Health
    depth: QueueDepth | None
    under_way: Mapping[Status, int] | None
    recent: Recent | None


class Operations:
    """Everything here is the whole engine's, whatever account orders are of: it is for administrators."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        activity: Activity,
        letters: DeadLetters,
        redrive: Redrive,
        health: Callable[[], Coroutine[Any, Any, Health]],
    ) -> None:
        self._store = store
        self._queue = queue
        self._activity = activity
        self._letters = letters
        self._redrive = redrive
        self._health = health

    async def overview(self) -> Overview:
        """Every part, asked for at the same time."""
        health, depth, under_way, recent = await asyncio.gather(
            self._health(),
            _unless_unavailable(self._queue.depth()),
            _unless_unavailable(self._activity.under_way()),
            _unless_unavailable(self._activity.recent(RECENT_S)),
        )
        return Overview(health, depth, under_way, recent)

    async def dead_letters(self, limit: int) -> tuple[list[tuple[DeadLetter, Order | None]], int]:
        """Up to `limit` dead letters, each with its order, and how many there are.

        Raises TemporarilyUnavailable.
        """
        letters = await self._redrive.first(limit)
        summary = await self._letters.summary()
        orders = await asyncio.gather(
            *(self._store.order(letter.order_id) if letter.order_id else _none() for letter in letters)
        )
        return [*zip(letters, orders, strict=True)], max(summary.count, len(letters))

    async def redrive(self, account: Account, order_ids: Sequence[str]) -> Tally:
        """Give these failed orders a new set of attempts. Raises TemporarilyUnavailable."""
        return await self._redrive.run(account, order_ids)


async def _none() -> None:
    return None


async def _unless_unavailable(asked: Coroutine[Any, Any, Found]) -> Found | None:
    try:
        return await asked
    except TemporarilyUnavailable:
        return None
