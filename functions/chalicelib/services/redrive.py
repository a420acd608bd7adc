"""Redriving dead letters: a failed order gets a new set of attempts, and its dead letters are deleted.

For each order: redrive it in the store → queue it → announce it → only then delete its letters. A crash on
the way loses nothing: an order that was redriven and not queued is pending and due, so the sweep queues it;
the next run finds a letter that was not deleted. A second run doubles nothing: the store redrives only failed
orders, so a later or concurrent run finds the order open and only deletes the letter.

A letter only names an order; the order's status decides. Failed: it is redriven. Confirmed: there is nothing
to do. Open: a worker has it, or the sweep queues it. A letter that names no order is poison: it stays until
it is deleted by its message id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from ..domain.account import Account
from ..domain.errors import TemporarilyUnavailable
from ..domain.lifecycle import Status
from ..ports.queue import DeadLetter, DeadLetters, Queue
from ..ports.store import Store
from .announcing import Announcer

Held = dict[str, DeadLetter]


@dataclass(slots=True)
class Tally:
    """The result so far, by the orders that the letters name."""

    read: int = 0  # letters read
    redriven: list[str] = field(default_factory=list)
    dropped: dict[str, Status] = field(
        default_factory=dict
    )  # letters deleted without a redrive, as the order has this status
    again: set[str] = field(default_factory=set)  # failed again during this run: their letters stay
    unknown: set[str] = field(default_factory=set)  # no such orders
    poison: list[DeadLetter] = field(default_factory=list)  # letters that stay: they name no known order

    @property
    def is_clean(self) -> bool:
        """Whether no letter is left."""
        return not (self.again or self.unknown or self.poison)


class Redrive:
    """Reads, redrives and deletes dead letters. Every method may raise TemporarilyUnavailable.

    `on_page` is called after each page of letters, with the number of letters read so far or with the tally.
    """

    def __init__(self, store: Store, queue: Queue, announcer: Announcer, letters: DeadLetters) -> None:
        self._store = store
        self._queue = queue
        self._announcer = announcer
        self._letters = letters

    async def read(
        self, account: Account, on_page: Callable[[int], None] = lambda met: None
    ) -> list[DeadLetter]:
        """Every letter, oldest first; all stay in the queue."""
        async with self._reading() as (pages, held):
            async for _ in pages:
                on_page(len(held))
            return sorted(held.values(), key=lambda letter: letter.sent_at)

    async def first(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` letters, which stay in the queue."""
        async with self._reading() as (pages, held):
            async for _ in pages:
                if len(held) >= limit:
                    break
            return sorted(held.values(), key=lambda letter: letter.sent_at)[:limit]

    async def run(
        self,
        account: Account,
        only: Collection[str] = (),
        on_page: Callable[[Tally], None] = lambda tally: None,
    ) -> Tally:
        """Redrive every letter's order, or the orders in `only`, which need no letter.

        Each order is redriven once; one that fails again meanwhile is left to the next run.
        """
        tally, unmet = Tally(), set(only)
        async with self._reading() as (pages, held):
            async for page in pages:
                tally.read += len(page)
                await self._work(
                    [letter for letter in page if not only or letter.order_id in only], held, tally
                )
                on_page(tally)
                unmet -= {letter.order_id for letter in page}
                if only and not unmet:
                    break
            await self._decide_all(unmet, tally)
        return tally

    async def delete(self, account: Account, message_ids: Collection[str]) -> list[DeadLetter]:
        """Delete letters by their message ids; those that were found."""
        found: list[DeadLetter] = []
        async with self._reading() as (pages, held):
            async for page in pages:
                wanted = [letter for letter in page if letter.message_id in message_ids]
                await self._delete(wanted, held)
                found += wanted
                if len(found) == len(message_ids):
                    break
        return found

    async def _work(self, letters: list[DeadLetter], held: Held, tally: Tally) -> None:
        """Redrive the orders that the letters name, then delete the letters of those that are dealt with."""
        done = await self._decide_all({letter.order_id for letter in letters if letter.order_id}, tally)
        await self._delete([letter for letter in letters if letter.order_id in done], held)
        tally.poison += [
            letter for letter in letters if letter.order_id is None or letter.order_id in tally.unknown
        ]

    async def _decide_all(self, order_ids: Collection[str], tally: Tally) -> set[str]:
        """The orders whose letters may be deleted. An error is raised once all orders have been tried."""
        decisions = await asyncio.gather(
            *(self._decide(order_id, tally) for order_id in order_ids), return_exceptions=True
        )
        for decision in decisions:
            if isinstance(decision, BaseException):
                raise decision
        return {order_id for order_id, done in zip(order_ids, decisions, strict=True) if done}

    async def _decide(self, order_id: str, tally: Tally) -> bool:
        """Redrive the order, or tally why not; whether its letters may be deleted."""
        is_new = order_id not in tally.redriven
        event = await self._store.redrive(order_id) if is_new else None
        order = await self._store.order(order_id)
        if event is not None and order is not None:
            await self._queue.send(order_id, order.account)
            with suppress(TemporarilyUnavailable):  # the sweep queues it once more, unless it is claimed
                await self._store.acknowledge([order_id])
            self._announcer.announce(event, account=order.account)
            tally.redriven.append(order_id)
            return True
        if order is None:
            tally.unknown.add(order_id)
        elif order.status is Status.FAILED:
            tally.again.add(order_id)
        elif is_new:
            tally.dropped[order_id] = order.status
        return order is not None and order.status is not Status.FAILED

    async def _delete(self, letters: list[DeadLetter], held: Held) -> None:
        await self._letters.delete(letters)
        for letter in letters:
            del held[letter.message_id]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[tuple[AsyncIterator[list[DeadLetter]], Held]]:
        """The pages, and the letters still held of them, which are given back when the block ends."""
        held: Held = {}

        async def pages() -> AsyncIterator[list[DeadLetter]]:
            async for page in self._letters.pages():
                held.update((letter.message_id, letter) for letter in page)
                yield page

        try:
            yield pages(), held
        finally:
            with suppress(TemporarilyUnavailable):  # else they reappear when their visibility timeout ends
                await self._letters.give_back([*held.values()])
