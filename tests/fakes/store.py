"""The store in memory, with a clock of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import ClaimLost, IdempotencyConflict, LimitReached
from chalicelib.domain.events import Event, OrderAccepted, OrderOpened, OrderRedriven, OrderTriggered
from chalicelib.domain.launch import Launch
from chalicelib.domain.lifecycle import CANCELLABLE, TERMINAL, Actor, Status, sources
from chalicelib.domain.order import Order
from chalicelib.domain.terms import OrderType, Terms, resolved
from chalicelib.domain.tokens import learn
from chalicelib.ports.store import (
    ALL,
    Claim,
    Fired,
    Held,
    NewOrder,
    OrderFilter,
    Overdue,
    PriceLevel,
    Reason,
    RestingGroup,
    RestingOrder,
    Transition,
)

from tests.fakes.rows import Key, Row
from tests.fakes.unavailable import Unavailable

CLAIMED = {*Status} - CANCELLABLE - {Status.CANCELLED, Status.EXPIRED}  # certainly: a worker has had it
UNQUEUED = {Status.PENDING: Reason.UNACKNOWLEDGED}
KEPT = ("venue", "quoted_out", "minimum_out", "amount_out", "signature")


class MemoryStore(Unavailable):
    """`ports.store.Store`; time goes on only by `pass_time`, and each change takes a microsecond."""

    def __init__(
        self,
        *,
        lease_ms: int = 45_000,
        sweep_after_ms: int = 60_000,
        key_ttl_s: int = 86_400,
        max_outstanding: int = 10_000,
    ) -> None:
        self.rows: dict[str, Row] = {}
        self.log: dict[str, list[Event]] = {}
        self.keys: dict[tuple[Account, str], Key] = {}
        self.withdrawn: set[str] = set()
        self.launches: dict[str, Launch] = {}
        self.trigger_leases: dict[int, tuple[str, datetime]] = {}
        self.reads = 0
        self._lease = timedelta(milliseconds=lease_ms)
        self._sweep_after = timedelta(milliseconds=sweep_after_ms)
        self._key_ttl = timedelta(seconds=key_ttl_s)
        self._max_outstanding = max_outstanding
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def now(self) -> datetime:
        return self._now

    async def pass_time(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def seconds_since(self, at: datetime) -> float:
        return (self._now - at).total_seconds()

    async def create(self, new: NewOrder) -> Event | Order:
        self._reach()
        now = self._tick()
        if new.id in self.log:
            return self.log[new.id][0]
        if (already := self._first(new)) is not None:
            return already
        if self._outstanding(new.client) >= self._max_outstanding:
            raise LimitReached(code="TOO_MANY_ORDERS", limit=self._max_outstanding)
        if new.key:
            self.keys[new.account, new.key] = Key(new.id, new.terms, now + self._key_ttl)
        first = OrderOpened(new.terms) if new.terms.rests else OrderAccepted(new.terms)
        order = Order(new.id, new.terms, first.status, 1, 0, now, now, new.account, client_order_id=new.key)
        self.rows[new.id] = Row(order, due_at=now, client=new.client)
        self.log[new.id] = []
        return self._move(self.rows[new.id], first.status, event_detail(first))

    async def first(self, new: NewOrder) -> Order | None:
        self._reach()
        return self._first(new)

    def _first(self, new: NewOrder) -> Order | None:
        key = self.keys.get((new.account, new.key)) if new.key else None
        if key is None or key.expires_at < self._now:
            return None
        key.replayed = True
        if key.terms != new.terms and not _said_the_same(key.terms, new.terms):
            raise IdempotencyConflict(order_id=key.order_id)
        return self.rows[key.order_id].order

    async def withdraw(self, order_id: str) -> bool:
        self._reach()
        if order_id in self.withdrawn:
            return True
        row = self.rows.get(order_id)
        replayed = any(key.replayed for key in self.keys.values() if key.order_id == order_id)
        if row is None or row.fence or row.order.status is not Status.PENDING or replayed:
            return False
        del self.rows[order_id], self.log[order_id]
        self.withdrawn.add(order_id)
        self.keys = {name: key for name, key in self.keys.items() if key.order_id != order_id}
        return True

    async def was_withdrawn(self, order_id: str) -> bool:
        self._reach()
        return order_id in self.withdrawn

    async def redrive(self, order_id: str) -> Event | None:
        self._reach()
        row = self.rows.get(order_id)
        if row is None or row.order.status is not Status.FAILED:
            return None
        row.order = row.order.redrive(self._tick())
        row.redrives += 1
        row.transaction, row.due_at, row.queued_at = None, self._now, None
        return self._append(row, event_detail(OrderRedriven(row.redrives)))

    async def cancel(self, order_id: str, account: Account = LOCAL) -> Event | None:
        self._reach()
        row = self.rows.get(order_id)
        if row is None or row.order.account != account or row.order.status not in CANCELLABLE:
            return None
        row.order = row.order.cancel(self._tick())
        return self._append(row, {})

    async def open_orders(self, limit: int, only: OrderFilter = ALL) -> list[str]:
        self._reach()
        return [
            order_id
            for order_id, row in self.rows.items()
            if row.order.status is Status.OPEN and only.has(row.order)
        ][:limit]

    async def expire(self, limit: int) -> list[Event]:
        self._reach()
        over = [row for row in self.rows.values() if row.order.status in CANCELLABLE and self._is_over(row)]
        events = []
        for row in over[:limit]:
            row.order = row.order.expire(self._tick())
            events.append(self._append(row, {}))
        return events

    async def lease_triggers(self, shard: int, holder: str, lease_ms: int) -> bool:
        self._reach()
        known, until = self.trigger_leases.get(shard, (holder, self._now))
        if known != holder and until >= self._now:
            return False
        self.trigger_leases[shard] = holder, self._now + timedelta(milliseconds=lease_ms)
        return True

    async def release_triggers(self, shard: int, holder: str) -> None:
        self._reach()
        if self.trigger_leases.get(shard, ("", self._now))[0] == holder:
            del self.trigger_leases[shard]

    async def resting_groups(self) -> list[RestingGroup]:
        self._reach()
        return [*dict.fromkeys(_group(row.order.terms) for row in self.rows.values() if is_open(row))]

    async def resting_at(self, levels: Sequence[PriceLevel], limit: int) -> list[RestingOrder]:
        self._reach()
        found = []
        for level in levels:
            of_group = [
                RestingOrder(order_id, resolved(row.order.terms), row.order.account)
                for order_id, row in self.rows.items()
                if is_open(row) and _group(resolved(row.order.terms)) == level.group
            ]
            falling = level.group.type is not OrderType.LIMIT
            of_group.sort(key=lambda order: order.terms.price or 0, reverse=falling)
            found += [order for order in of_group if _may_fire(order.terms, level)][:limit]
        return found

    async def fire(self, orders: Sequence[Fired]) -> list[Event]:
        self._reach()
        events = []
        for fired in orders:
            row = self.rows.get(fired.order_id)
            if row is None or not is_open(row) or self._is_over(row):
                continue
            row.order = row.order.fire(self._tick())
            row.due_at, row.queued_at, row.lease_until = self._now, None, None
            events.append(self._append(row, event_detail(OrderTriggered(fired.price))))
        return events

    async def add_launches(self, launches: Sequence[Launch]) -> None:
        self._reach()
        for launch in launches:
            self.launches.setdefault(launch.pool, launch)

    async def open_launches(self, mints: Collection[str]) -> list[Launch]:
        self._reach()
        return [launch for launch in self._open_pools() if launch.mint in mints]

    async def newest_launches(self, limit: int) -> list[Launch]:
        self._reach()
        return self._open_pools()[::-1][:limit]

    def _open_pools(self) -> list[Launch]:
        found = [launch for launch in self.launches.values() if launch.opens_at <= self._now]
        for launch in found:
            learn(launch.token)
        return sorted(found, key=lambda launch: launch.opens_at)

    async def forget_expired_keys(self) -> None:
        self._reach()
        self.keys = {name: key for name, key in self.keys.items() if key.expires_at >= self._now}

    async def claim(self, order_id: str) -> Claim | Held | Order | None:
        self._reach()
        row, now = self.rows.get(order_id), self._tick()
        if row is None:
            return None
        if row.order.is_terminal:
            return row.order
        if is_open(row) or (row.order.status is Status.PENDING and self._is_over(row)):
            return Held(0)
        if row.lease_until is not None and row.lease_until >= now:
            return Held(int((row.lease_until - now).total_seconds() * 1000))
        resumed = row.order.status is not Status.PENDING
        row.fence += 1
        row.lease_until = row.due_at = now + self._lease
        row.queued_at = min(row.queued_at or now, now)
        if not resumed:
            row.order = row.order.start_routing(self._tick())
            self._append(row, {})
        return Claim(_shown(row.order), row.fence, resumed, row.transaction)

    async def record(self, transition: Transition) -> Event:
        self._reach()
        order = transition.order
        row = self._held(order.id, transition.fence)
        if row.order.status not in sources(transition.status, Actor.WORKER):
            raise ClaimLost
        kept = {name: found for name in KEPT if (found := getattr(order, name)) is not None}
        row.order = replace(row.order, error=order.error, code=order.code, **kept)
        row.lease_until = row.due_at = self._tick() + self._lease
        row.transaction = transition.transaction or row.transaction
        if transition.status in TERMINAL | {Status.OPEN}:
            row.lease_until = None
        if transition.status is Status.OPEN:
            row.transaction = None
        if transition.retry_in_ms is not None:
            row.order = replace(row.order, attempt=row.order.attempt + 1)
            row.lease_until, row.transaction = None, None
            row.due_at = self._now + timedelta(milliseconds=transition.retry_in_ms)
        return self._move(row, transition.status, event_detail(transition.event))

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        self._reach()
        row = self._held(claim.order.id, claim.fence)
        row.lease_until = None
        row.due_at = row.queued_at = self._tick() + timedelta(milliseconds=due_in_ms)

    async def order(self, order_id: str) -> Order | None:
        self._reach()
        row = self.rows.get(order_id)
        return _shown(row.order) if row else None

    async def order_of_key(self, key: str, account: Account = LOCAL) -> Order | None:
        self._reach()
        found = self.keys.get((account, key))
        return _shown(self.rows[found.order_id].order) if found else None

    async def orders(
        self, limit: int, before: tuple[datetime, str] | None = None, only: OrderFilter = ALL
    ) -> list[Order]:
        self._reach()
        found = sorted((row.order for row in self.rows.values()), key=_age, reverse=True)
        return [
            _shown(order) for order in found if only.has(order) and (before is None or _age(order) < before)
        ][:limit]

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        self._reach()
        self.reads += 1
        return [event for event in self.log.get(order_id, []) if event.seq > after]

    async def last_seqs(self, order_ids: Collection[str]) -> dict[str, int]:
        self._reach()
        return {order_id: self.rows[order_id].order.seq for order_id in order_ids if order_id in self.rows}

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        self._reach()
        now = self._tick()
        for order_id in order_ids:
            if (row := self.rows.get(order_id)) is not None:
                row.queued_at = row.queued_at or now

    async def any_queued_overdue(self) -> bool:
        self._reach()
        return any(is_queued(row) for _, row in self._due_before(self._now - self._sweep_after))

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[Overdue]:
        self._reach()
        unqueued = [
            Overdue(order_id, UNQUEUED.get(row.order.status, Reason.WORKER_GONE), row.order.account)
            for order_id, row in self._due_before(self._now - self._sweep_after)
            if not is_queued(row)
        ]
        overdue = unqueued[:limit] + self.lost_messages(drained_for_ms)[:limit]
        for row in (self.rows[order.order_id] for order in overdue):
            row.due_at, row.queued_at, row.lease_until = self._tick(), None, None
        return overdue

    def lost_messages(self, drained_for_ms: int | None) -> list[Overdue]:
        """The acknowledged orders whose messages can no longer be in the queue, longest due first."""
        before_all = datetime.min.replace(tzinfo=UTC)
        drained = before_all if drained_for_ms is None else self._now - timedelta(milliseconds=drained_for_ms)
        last = defaultdict[Account, datetime](lambda: drained)  # of each account, what proves an order lost
        for of in (row.order for row in self.rows.values() if row.order.status in CLAIMED):
            last[of.account] = max(last[of.account], of.created_at)
        reason = Reason.OVERTAKEN if drained_for_ms is None else Reason.QUEUE_DRAINED
        return [
            Overdue(order_id, reason, row.order.account)
            for order_id, row in self._due_before(self._now - self._sweep_after)
            if is_queued(row) and row.due_at + self._sweep_after < last[row.order.account]
        ]

    def append(self, order_id: str, status: Status, **detail: object) -> Event:
        """Append an event to an order without a worker, for tests of subscribers."""
        return self._move(self.rows[order_id], status, detail)

    def _due_before(self, at: datetime) -> list[tuple[str, Row]]:
        """The orders that have not ended and were due by then, longest first."""
        found = [item for item in self.rows.items() if is_active(item[1]) and item[1].due_at < at]
        return sorted(found, key=lambda item: item[1].due_at)

    def _is_over(self, row: Row) -> bool:
        expires_at = row.order.terms.expires_at
        return expires_at is not None and expires_at < self._now

    def _outstanding(self, client: str) -> int:
        return sum(row.client == client and not row.order.is_terminal for row in self.rows.values())

    def _held(self, order_id: str, fence: int) -> Row:
        row = self.rows[order_id]
        if row.fence != fence or row.order.is_terminal:
            raise ClaimLost
        return row

    def _move(self, row: Row, status: Status, detail: Mapping[str, object]) -> Event:
        row.order = replace(row.order, status=status, seq=row.order.seq + 1, updated_at=self._tick())
        return self._append(row, detail)

    def _append(self, row: Row, detail: Mapping[str, object]) -> Event:
        event = replace(row.order.last_event(), detail=json.loads(json.dumps(detail)))
        self.log[event.order_id].append(event)
        return event

    def _tick(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now


def is_open(row: Row) -> bool:
    """Whether it rests."""
    return row.order.status is Status.OPEN


def is_active(row: Row) -> bool:
    """Whether its message is in the queue, or with a worker."""
    return not row.order.is_terminal and not is_open(row)


def _group(terms: Terms) -> RestingGroup:
    return RestingGroup(terms.token_in, terms.token_out, terms.type, terms.amount_in.bit_length())


def _may_fire(terms: Terms, level: PriceLevel) -> bool:
    assert terms.price is not None
    if terms.type is OrderType.SNIPER and (terms.min_liquidity or 0) > level.liquidity:
        return False
    return terms.price <= level.price if terms.type is OrderType.LIMIT else terms.price >= level.price


def _shown(order: Order) -> Order:
    """The order as it is read: a sniper's floor is known once its token is launched."""
    return replace(order, terms=resolved(order.terms))


def is_queued(row: Row) -> bool:
    """Whether its message should be in the queue: acknowledged, and no worker had it since it was due."""
    if row.queued_at is None:
        return False
    return row.order.status is Status.PENDING or row.queued_at >= row.due_at


def _said_the_same(first: Terms, second: Terms) -> bool:
    """Whether both leave the slippage to the engine, in the same way, and are the same else."""
    defaults = first.slippage_is_default and second.slippage_is_default
    left = defaults or (first.slippage_is_auto and second.slippage_is_auto)
    return left and replace(second, slippage_bps=first.slippage_bps) == first


def _age(order: Order) -> tuple[datetime, str]:
    return order.created_at, order.id
