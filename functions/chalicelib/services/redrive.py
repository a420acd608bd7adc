"""Working the dead letters: a failed order gets a new set of attempts, and its letters are done with.

For each order: redrive it in the store → queue it → publish → only then delete its letters. A crash loses
nothing on the way: an order that was redriven and not queued is pending and due, so the sweep queues it; a
letter that was not deleted is met by the next run. Nor does it double anything: the store redrives only what
has failed, so the next run, or one at the same time, finds the order alive and only deletes the letter.

So a letter counts for nothing but its order's name, and what becomes of it is read from the order: failed, it
is redriven; confirmed, there is nothing to do; alive, somebody is at it or the sweep will see to it. A letter
without an order is poison: it stays until it is deleted by its own id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from ..domain.errors import TemporarilyUnavailable
from ..domain.lifecycle import Status
from ..ports.live import Events
from ..ports.queue import DeadLetter, DeadLetters, Queue
from ..ports.store import Store

Held = dict[str, DeadLetter]


@dataclass(slots=True)
class Tally:
    """What has become of the letters so far, by the orders that they name."""

    met: int = 0  # letters, whatever they name
    redriven: list[str] = field(default_factory=list)
    dropped: dict[str, Status] = field(default_factory=dict)  # not failed, but as it says
    again: set[str] = field(default_factory=set)  # failed anew while this was under way: their letters stay
    unknown: set[str] = field(default_factory=set)  # there are no such orders
    poison: list[DeadLetter] = field(default_factory=list)  # letters that stay, as they name no known order

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left of what was to be worked."""
        return not (self.again or self.unknown or self.poison)


class Redrive:
    """Reads, works and deletes dead letters. Every method may raise TemporarilyUnavailable.

    `on_page` is told, each time some letters have been met, how many that were so far, or the tally.
    """

    def __init__(self, store: Store, queue: Queue, events: Events, letters: DeadLetters) -> None:
        self._store = store
        self._queue = queue
        self._events = events
        self._letters = letters

    async def read(self, on_page: Callable[[int], None] = lambda met: None) -> list[DeadLetter]:
        """Every letter, oldest first; they stay where they are."""
        async with self._reading() as (pages, held):
            async for _ in pages:
                on_page(len(held))
            return sorted(held.values(), key=lambda letter: letter.sent_at)

    async def run(
        self, only: Collection[str] = (), on_page: Callable[[Tally], None] = lambda tally: None
    ) -> Tally:
        """Work every letter, or those of the orders in `only`, which are redriven even without a letter.

        An order is redriven once: one that fails again meanwhile is left to the next run.
        """
        tally, unmet = Tally(), set(only)
        async with self._reading() as (pages, held):
            async for page in pages:
                tally.met += len(page)
                await self._work(
                    [letter for letter in page if not only or letter.order_id in only], held, tally
                )
                on_page(tally)
                unmet -= {letter.order_id for letter in page}
                if only and not unmet:
                    break
            await self._decide_all(unmet, tally)
        return tally

    async def delete(self, message_ids: Collection[str]) -> list[DeadLetter]:
        """Delete letters by their own ids, whatever they name; those that were there."""
        found: list[DeadLetter] = []
        async with self._reading() as (pages, held):
            async for page in pages:
                wanted = [letter for letter in page if letter.message_id in message_ids]
                await self._done_with(wanted, held)
                found += wanted
                if len(found) == len(message_ids):
                    break
        return found

    async def _work(self, letters: list[DeadLetter], held: Held, tally: Tally) -> None:
        """Decide what the letters name, then delete those that are done with."""
        done = await self._decide_all({letter.order_id for letter in letters if letter.order_id}, tally)
        await self._done_with([letter for letter in letters if letter.order_id in done], held)
        tally.poison += [
            letter for letter in letters if letter.order_id is None or letter.order_id in tally.unknown
        ]

    async def _decide_all(self, order_ids: Collection[str], tally: Tally) -> set[str]:
        """Those whose letters are done with. Waits for all of them before it raises what one has raised."""
        decisions = await asyncio.gather(
            *(self._decide(order_id, tally) for order_id in order_ids), return_exceptions=True
        )
        for decision in decisions:
            if isinstance(decision, BaseException):
                raise decision
        return {order_id for order_id, done in zip(order_ids, decisions, strict=True) if done}

    async def _decide(self, order_id: str, tally: Tally) -> bool:
        """Redrive the order, or say why not; whether its letters are done with."""
        is_new = order_id not in tally.redriven
        event = await self._store.redrive(order_id) if is_new else None
        if event is not None:
            await self._queue.send(order_id)
            with suppress(TemporarilyUnavailable):  # then the sweep queues it once more, unless it is claimed
                await self._store.acknowledge([order_id])
            self._events.publish(event)
            tally.redriven.append(order_id)
            return True
        order = await self._store.order(order_id)
        if order is None:
            tally.unknown.add(order_id)
        elif order.status is Status.FAILED:
            tally.again.add(order_id)
        elif is_new:
            tally.dropped[order_id] = order.status
        return order is not None and order.status is not Status.FAILED

    async def _done_with(self, letters: list[DeadLetter], held: Held) -> None:
        await self._letters.delete(letters)
        for letter in letters:
            del held[letter.message_id]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[tuple[AsyncIterator[list[DeadLetter]], Held]]:
        """The pages, and what of them is still held; that is given back at the end, however it comes."""
        held: Held = {}

        async def pages() -> AsyncIterator[list[DeadLetter]]:
            async for page in self._letters.pages():
                held.update((letter.message_id, letter) for letter in page)
                yield page

        try:
            yield pages(), held
        finally:
            with suppress(TemporarilyUnavailable):  # then they show again by themselves, a little later
                await self._letters.give_back([*held.values()])
