"""Triggers: fires resting orders whose price is there, and ends orders whose time is over.

new pools ─▶ the store
each group of orders (pair, type, size) ─▶ one quote: the price that none of its orders can beat
    ─▶ the store: which of them may fire at these prices ─▶ a quote for each one's own size ─▶ fire, queue

A group of snipers is quoted once a pool of their token is open. The number of quotes grows with the groups
and with the orders that are near their price, not with the orders that rest. Passes of several processes are
harmless: of two that would fire an order the store lets one. A pass that is killed loses none: an order that
it fired and did not queue is queued by the sweep. When passes are made is in trigger_runs.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_DOWN, Context, Decimal
from zlib import crc32

from ..domain.account import Account
from ..domain.errors import AttemptFailed, InsufficientLiquidity
from ..domain.events import Event
from ..domain.launch import Launch
from ..domain.routing import HOPS_FROM_BPS
from ..domain.terms import MAX_BASE_UNITS, MAX_PRICE_DIGITS, OrderType, Terms
from ..domain.tokens import Token, price
from ..ports import tracing
from ..ports.metrics import FIRED, Metrics
from ..ports.queue import Queue
from ..ports.store import Fired, PriceLevel, RestingGroup, RestingOrder, Store
from .announcing import Announcer
from .detection import Detection
from .quoting import Quoted, Quoting

log = logging.getLogger(__name__)

MOST_OF_A_GROUP = 200  # orders that a pass looks at in a group: those furthest beyond the price first
MOST_EXPIRED = 1000  # orders that a pass ends
HIGHEST = Decimal(10) ** MAX_PRICE_DIGITS
"""Above every price that an order can have."""
Pools = Mapping[str, Sequence[Launch]]
"""The open pools of new tokens, by mint."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass has done: orders fired, orders expired."""

    fired: int
    expired: int


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the `of` parts that pairs are in; a pair's orders are all in one."""

    number: int
    of: int

    def has(self, group: RestingGroup) -> bool:
        """Whether the group's pair is in this shard."""
        return crc32(f"{group.token_in.mint} {group.token_out.mint}".encode()) % self.of == self.number


WHOLE = Shard(0, 1)


class Triggers:
    """Looks at the prices of resting orders. `detection` reports new pools; None where nothing does."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        announcer: Announcer,
        quoting: Quoting,
        metrics: Metrics,
        *,
        detection: Detection | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._announcer = announcer
        self._quoting = quoting
        self._metrics = metrics
        self._detection = detection

    async def once(self, shard: Shard = WHOLE) -> Pass:
        """One pass over a shard; that of the first also ends orders. Raises TemporarilyUnavailable."""
        ended = await self._expire_and_detect() if shard.number == 0 else []
        groups = [group for group in await self._store.resting_groups() if shard.has(group)]
        pools = await self._open_pools(groups)
        levels = await asyncio.gather(*(self._level(group, pools) for group in groups))
        reached = [level for level in levels if level is not None]
        candidates = await self._store.resting_at(reached, MOST_OF_A_GROUP) if reached else []
        fired = await self._fire(candidates, pools)
        return Pass(len(fired), len(ended))

    async def _expire_and_detect(self) -> list[Event]:
        ended = await self._store.expire(MOST_EXPIRED)
        for event in ended:
            self._announcer.announce(event)
        if self._detection is not None:
            await self._detection.run()
        return ended

    async def _open_pools(self, groups: Sequence[RestingGroup]) -> Pools:
        """The open pools of the tokens that snipers wait for, by mint."""
        mints = {group.token_out.mint for group in groups if group.type is OrderType.SNIPER}
        pools: dict[str, list[Launch]] = {}
        for launch in await self._store.open_launches(mints) if mints else ():
            pools.setdefault(launch.mint, []).append(launch)
        return pools

    async def _level(self, group: RestingGroup, pools: Pools) -> PriceLevel | None:
        """The price that no order of the group can beat: stops at the largest size, others at the least.

        More is sold at a worse price, but for what rounding takes from a small amount: a base unit of the fee
        and one of the fill. Where a pool can't take that size, the others of the group have no such bound.
        The largest orders of a group may be filled in two hops though the least are not quite thin.
        None while no venue answers, or no pool of a sniper's token is open.
        """
        is_stop, is_sniper = group.type is OrderType.STOP, group.type is OrderType.SNIPER
        liquidity = 0
        if is_sniper:
            if not (opened := pools.get(group.token_out.mint)):
                return None
            group = replace(group, token_out=opened[0].token)
            liquidity = max((of.liquidity for of in opened if of.against == group.token_in), default=0)
        size = min((1 << group.size) - 1, MAX_BASE_UNITS) if is_stop else 1 << (group.size - 1)
        terms = Terms(group.token_in, group.token_out, size, slippage_bps=0)
        answers, paths = await self._quoting.offers(terms, hops_from_bps=HOPS_FROM_BPS // 2)
        offers = [path[-1].amount_out for path in paths if path[0].amount_in == size]
        bounded = not any(isinstance(answer, InsufficientLiquidity) for answer in answers.values())
        if bounded and not offers:
            return None
        if is_stop:  # an order may name the venue that offers least
            received = max(min(offers) - 2, 0) if bounded else 0
            return PriceLevel(group, _ratio(group.token_out, received, group.token_in, size, ROUND_DOWN))
        if not offers:
            return PriceLevel(group, Decimal(0) if is_sniper else HIGHEST, liquidity)
        received, sold = max(offers) + 1, max(size - 1, 1)
        if is_sniper:
            paid = _ratio(group.token_in, sold, group.token_out, received, ROUND_DOWN)
            return PriceLevel(group, paid, liquidity)
        return PriceLevel(group, _ratio(group.token_out, received, group.token_in, sold, ROUND_CEILING))

    async def _fire(self, candidates: Sequence[RestingOrder], pools: Pools) -> list[Event]:
        """Fire those whose own size has its price, and queue them."""
        found = await asyncio.gather(*(self._price_there(order.terms, pools) for order in candidates))
        fired = [
            Fired(order.order_id, at) for order, at in zip(candidates, found, strict=True) if at is not None
        ]
        if not fired:
            return []
        with tracing.span("fire", "", entry=True, orders=len(fired)):
            return await self._fire_all(fired, candidates)

    async def _fire_all(self, fired: Sequence[Fired], candidates: Sequence[RestingOrder]) -> list[Event]:
        events = await self._store.fire(fired)
        of = {order.order_id: order for order in candidates}
        for event in events:
            self._announcer.announce(event, of[event.order_id])
        if events:
            self._metrics.record(FIRED, len(events))
        await self._enqueue([(event.order_id, of[event.order_id].account) for event in events])
        return events

    async def _price_there(self, terms: Terms, pools: Pools) -> Decimal | None:
        """What the order's size gets now, if it may fire at that; None if not."""
        if not _is_deep_enough(terms, pools.get(terms.token_out.mint, ())):
            return None
        quoted = await self._quote(terms)
        if quoted is None or terms.price is None:
            return None
        received = quoted.chosen.amount_out
        if terms.type is OrderType.SNIPER:
            at = price(terms.token_in, terms.amount_in, terms.token_out, received)
        else:
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

    async def _enqueue(self, orders: Sequence[tuple[str, Account]]) -> None:
        sends = await asyncio.gather(*(self._queue.send(*order) for order in orders), return_exceptions=True)
        sent = [
            order_id
            for (order_id, _), send in zip(orders, sends, strict=True)
            if not isinstance(send, BaseException)
        ]
        if len(sent) < len(orders):
            log.warning("triggers: orders left to the sweep orders=%d", len(orders) - len(sent))
        await self._store.acknowledge(sent)


def _ratio(token: Token, amount: int, per: Token, amount_per: int, rounding: str) -> Decimal:
    """Tokens of the one per token of the other."""
    return Context(prec=40, rounding=rounding).divide(token.amount(amount), per.amount(amount_per))


def _is_deep_enough(terms: Terms, pools: Sequence[Launch]) -> bool:
    """Whether a pool where the order may trade holds as much as it asks for, if it asks for that."""
    if terms.min_liquidity is None:
        return True
    return any(
        pool.against == terms.token_in
        and pool.liquidity >= terms.min_liquidity
        and (terms.venues is None or pool.venue in terms.venues)
        for pool in pools
    )
