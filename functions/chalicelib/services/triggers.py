"""Triggers: fires resting orders whose price is there, and ends orders whose time is over.

each group of orders (pair, type, size) ─▶ one quote: the price that none of its orders can beat
    ─▶ the store: which of them may fire at these prices ─▶ a quote for each one's own size ─▶ fire, queue

The number of quotes grows with the groups and with the orders that are near their price, not with the orders
that rest. Passes of several processes are harmless: of two that would fire an order the store lets one. A
pass that is killed loses none: an order that it fired and did not queue is queued by the sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Context, Decimal

from ..domain.errors import AttemptFailed, InsufficientLiquidity, TemporarilyUnavailable
from ..domain.events import Event
from ..domain.routing import HOPS_FROM_BPS
from ..domain.terms import MAX_BASE_UNITS, MAX_PRICE_DIGITS, OrderType, Terms
from ..domain.tokens import price
from ..ports.live import Events
from ..ports.metrics import Metrics
from ..ports.queue import Queue
from ..ports.store import Fired, PriceLevel, RestingGroup, RestingOrder, Store
from .quoting import Quoted, Quoting

log = logging.getLogger(__name__)

MOST_OF_A_GROUP = 200  # orders that a pass looks at in a group: those furthest beyond the price first
MOST_EXPIRED = 1000  # orders that a pass ends
AT_A_TIME = 3  # passes under way
HIGHEST = Decimal(10) ** MAX_PRICE_DIGITS
"""Above every price that an order can have."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass has done: orders fired, orders expired."""

    fired: int
    expired: int


class Triggers:
    """Watches the prices of resting orders. `poll` is the time between two passes, in seconds."""

    def __init__(
        self, store: Store, queue: Queue, events: Events, quoting: Quoting, metrics: Metrics, *, poll: float
    ) -> None:
        self._store = store
        self._queue = queue
        self._events = events
        self._quoting = quoting
        self._metrics = metrics
        self._poll = poll
        self._failing = False

    async def run(self, seconds: float) -> Pass:
        """Begin a pass every `poll` for `seconds`, at least one. A server that is unavailable is tried again.

        A pass does not wait for the one before, which may be quoting what it fires: so the time from a price
        to its orders is a poll and one pass, however long that takes.
        """
        loop = asyncio.get_running_loop()
        end, room = loop.time() + seconds, asyncio.Semaphore(AT_A_TIME)
        async with asyncio.TaskGroup() as group:
            passes = []
            while True:
                await room.acquire()
                passes.append(group.create_task(self._attempt(room)))
                if loop.time() + self._poll >= end:
                    break
                await asyncio.sleep(self._poll)
        done = [made.result() for made in passes]
        return Pass(sum(made.fired for made in done), sum(made.expired for made in done))

    async def _attempt(self, room: asyncio.Semaphore) -> Pass:
        try:
            done = await self.once()
        except TemporarilyUnavailable as error:
            if not self._failing:  # said once, for passes come often
                log.warning("triggers: pass failed, retrying at each poll error=%r", error)
            self._failing = True
            return Pass(0, 0)
        finally:
            room.release()
        if self._failing:
            log.warning("triggers: passes succeed again")
        self._failing = False
        return done

    async def once(self) -> Pass:
        """One pass. Raises TemporarilyUnavailable."""
        ended = await self._store.expire(MOST_EXPIRED)
        self._publish(ended)
        if ended:
            self._metrics.expired(len(ended))
        groups = await self._store.resting_groups()
        levels = await asyncio.gather(*map(self._level, groups))
        reached = [level for level in levels if level is not None]
        candidates = await self._store.resting_at(reached, MOST_OF_A_GROUP) if reached else []
        fired = await self._fire(candidates)
        return Pass(len(fired), len(ended))

    async def _level(self, group: RestingGroup) -> PriceLevel | None:
        """The price that no order of the group can beat: limits at the least size, stops at the largest.

        More is sold at a worse price, but for what rounding takes from a small amount: a base unit of the fee
        and one of the fill. Where a pool can't take that size, the others of the group have no such bound.
        The largest orders of a group may be filled in two hops though the least are not quite thin.
        None while no venue answers.
        """
        is_limit = group.type is OrderType.LIMIT
        size = 1 << (group.size - 1) if is_limit else min((1 << group.size) - 1, MAX_BASE_UNITS)
        terms = Terms(group.token_in, group.token_out, size, slippage_bps=0)
        answers, paths = await self._quoting.offers(terms, hops_from_bps=HOPS_FROM_BPS // 2)
        offers = [path[-1].amount_out for path in paths if path[0].amount_in == size]
        bounded = not any(isinstance(answer, InsufficientLiquidity) for answer in answers.values())
        if bounded and not offers:
            return None
        if is_limit:
            if not offers:
                return PriceLevel(group, HIGHEST)
            received, sold = max(offers) + 1, max(size - 1, 1)
        else:  # an order may name the venue that offers least
            received, sold = max(min(offers) - 2, 0) if bounded else 0, size
        exact = Context(prec=40, rounding=ROUND_CEILING if is_limit else ROUND_DOWN)
        return PriceLevel(group, exact.divide(group.token_out.amount(received), group.token_in.amount(sold)))

    async def _fire(self, candidates: Sequence[RestingOrder]) -> list[Event]:
        """Fire those whose own size has its price, and queue them."""
        found = await asyncio.gather(*(self._price_there(order.terms) for order in candidates))
        fired = [
            Fired(order.order_id, at) for order, at in zip(candidates, found, strict=True) if at is not None
        ]
        if not fired:
            return []
        events = await self._store.fire(fired)
        self._publish(events)
        if events:
            self._metrics.fired(len(events))
        await self._enqueue([event.order_id for event in events])
        return events

    async def _price_there(self, terms: Terms) -> Decimal | None:
        """What the order's size gets now, if it may fire at that; None if not."""
        quoted = await self._quote(terms)
        if quoted is None or terms.price is None:
            return None
        received = quoted.chosen.amount_out
        at = price(terms.token_out, received, terms.token_in, terms.amount_in)
        if terms.type is OrderType.STOP:
            return at if at <= terms.price else None
        reached = quoted.refusal is None and received >= (terms.floor_out or 0)
        return at if reached else None

    async def _quote(self, terms: Terms) -> Quoted | None:
        try:
            return await self._quoting.best(terms)
        except AttemptFailed:
            return None

    async def _enqueue(self, order_ids: Sequence[str]) -> None:
        sends = await asyncio.gather(
            *(self._queue.send(order_id) for order_id in order_ids), return_exceptions=True
        )
        sent = [
            order_id
            for order_id, send in zip(order_ids, sends, strict=True)
            if not isinstance(send, BaseException)
        ]
        if len(sent) < len(order_ids):
            log.warning("triggers: orders left to the sweep orders=%d", len(order_ids) - len(sent))
        await self._store.acknowledge(sent)

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.publish(event)
