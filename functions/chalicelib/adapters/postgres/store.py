"""The store on Postgres: each call joins a batch, each batch is one statement, and so one transaction.

A statement returns a row for every order that it moved; a caller without a row has lost its claim. One whose
reply was lost is run again by `Database`, and returns the rows that it moved the first time.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ...batcher import Batcher
from ...domain.account import LOCAL, Account
from ...domain.errors import (
    ClaimLost,
    IdempotencyConflict,
    LimitReached,
    OutcomeUnknown,
    TemporarilyUnavailable,
)
from ...domain.events import Event, OrderAccepted, OrderEvent, OrderOpened, OrderTriggered
from ...domain.lifecycle import TERMINAL, Actor, Status, sources
from ...domain.order import Order
from ...domain.terms import OrderType, Terms
from ...domain.tokens import TOKENS, UNKNOWN_DECIMALS, stored_name, stored_token
from ...ports.store import (
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
from .arrays import literal
from .database import Database, RepliesLost
from .prepared import Row
from .rows import (
    appended_event,
    kept_least,
    read_claim,
    read_event,
    read_launch,
    read_order,
    read_terms,
)

if TYPE_CHECKING:
    from ...domain.launch import Launch

Given = TypeVar("Given")

_SOURCES = {status: literal(sources(status, Actor.WORKER)) for status in Status}
_UNHELD = TERMINAL | {Status.PENDING, Status.OPEN}
_EPOCH = datetime.fromtimestamp(0, UTC)
_NEWEST = (datetime.max.replace(tzinfo=UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")
_OLDEST = (datetime.min.replace(tzinfo=UTC), "00000000-0000-0000-0000-000000000000")
_BUSY = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)  # in no index of lists


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """A claim's lease, the delay after which an order is overdue, an idempotency key's lifetime, and the most
    open orders of one client."""

    lease_ms: int
    sweep_after_ms: int
    key_ttl_s: int
    max_outstanding: int


class PostgresStore:
    """`ports.store.Store`; `render` gives the content of an event as it is stored."""

    def __init__(
        self,
        database: Database,
        settings: StoreSettings,
        render: Callable[[OrderEvent], Mapping[str, object]],
    ) -> None:
        self._render = render
        self._database = database
        self._settings = settings
        self._lease_ms = settings.lease_ms
        self._create = Batcher(self._create_all)
        self._claim = Batcher(self._claim_all)
        self._record = Batcher(self._record_all)
        self._events = Batcher(self._events_all)
        self._order = Batcher(self._orders_all)
        self._redrive = Batcher(self._redrive_all)
        self._cancel = Batcher(self._cancel_all)
        self._check = Batcher(self._check_all)

    async def create(self, new: NewOrder) -> Event | Order:
        # Twice: the key's first order may be withdrawn between the two statements; and where a reply was
        # lost, the first run may still have been under way.
        for _ in range(2):
            try:
                created = await self._create(new) or await self._first(new)
            except RepliesLost as lost:
                return await self._find_created(new, lost)
            if created is not None:
                return created
        most = self._settings.max_outstanding
        raise LimitReached(
            f"At most {most} orders of a client may be under way.", code="TOO_MANY_ORDERS", limit=most
        )

    async def _find_created(self, new: NewOrder, lost: RepliesLost) -> Event:
        """The order's first event, though the replies to its creation were lost. Raises OutcomeUnknown.

        Only that it is there is certain: a statement without a reply may still be under way.
        """
        with suppress(TemporarilyUnavailable):
            if events := await self._events((new.id, 0)):
                return events[0]
        raise OutcomeUnknown(order_id=new.id) from lost

    async def withdraw(self, order_id: str) -> bool:
        try:
            if await self._database.run("withdraw_orders", ids=[order_id]):
                return True
            return await self.was_withdrawn(order_id)  # by a first run whose reply was lost
        except RepliesLost as lost:
            raise OutcomeUnknown(order_id=order_id) from lost

    async def was_withdrawn(self, order_id: str) -> bool:
        return bool(await self._database.run("find_withdrawn", ids=[order_id]))

    async def redrive(self, order_id: str) -> Event | None:
        return await self._redrive(order_id)

    async def forget_expired_keys(self) -> None:
        await self._database.run("forget_expired_keys")

    async def claim(self, order_id: str) -> Claim | Held | Order | None:
        return await self._claim(order_id)

    async def record(self, transition: Transition) -> Event:
        event = await self._record(transition)
        if event is None:
            raise ClaimLost(order_id=transition.order.id)
        return event

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        released = await self._database.run(
            "release_orders", ids=[claim.order.id], fences=[claim.fence], due_in_ms=[due_in_ms]
        )
        if not released:
            raise ClaimLost(order_id=claim.order.id)

    async def cancel(self, order_id: str, account: Account = LOCAL) -> Event | None:
        return await self._cancel((order_id, account))

    async def open_orders(self, limit: int, only: OrderFilter = ALL) -> list[str]:
        rows = await self._database.run(
            "open_orders_of",
            account=only.account.id,
            token_in=only.token_in and stored_name(only.token_in),
            token_out=only.token_out and stored_name(only.token_out),
            types=None if only.types is None else [*only.types],
            limit=limit,
        )
        return [str(row["id"]) for row in rows]

    async def expire(self, limit: int) -> list[Event]:
        return [read_event(row) for row in await self._database.run("expire_orders", limit=limit)]

    async def lease_triggers(self, shard: int, holder: str, lease_ms: int) -> bool:
        return bool(
            await self._database.run("take_trigger_lease", shard=shard, holder=holder, lease_ms=lease_ms)
        )

    async def release_triggers(self, shard: int, holder: str) -> None:
        await self._database.run("release_trigger_lease", shard=shard, holder=holder)

    async def resting_groups(self) -> list[RestingGroup]:
        rows = await self._read_orders("open_groups")
        return [
            RestingGroup(
                stored_token(row["token_in"]),
                stored_token(row["token_out"]),
                OrderType(row["type"]),
                row["size"],
            )
            for row in rows
        ]

    async def resting_at(self, levels: Sequence[PriceLevel], limit: int) -> list[RestingOrder]:
        groups = [level.group for level in levels]
        rows = await self._read_orders(
            "orders_at_price",
            tokens_in=[stored_name(of.token_in) for of in groups],
            tokens_out=[stored_name(of.token_out) for of in groups],
            types=[of.type for of in groups],
            sizes=[of.size for of in groups],
            prices=[level.price for level in levels],
            liquidities=[level.liquidity for level in levels],
            limit=limit,
        )
        return [RestingOrder(str(row["id"]), read_terms(row), Account(row["account"])) for row in rows]

    async def fire(self, orders: Sequence[Fired]) -> list[Event]:
        details = [self._render(OrderTriggered(order.price)) for order in orders]
        rows = await self._database.run(
            "fire_orders", ids=[of.order_id for of in orders], details=[_json(detail) for detail in details]
        )
        return [read_event(row) for row in rows]

    async def add_launches(self, launches: Sequence[Launch]) -> None:
        await self._database.run(
            "add_launches",
            pools=[of.pool for of in launches],
            venues=[of.venue for of in launches],
            mints=[of.mint for of in launches],
            symbols=[of.symbol for of in launches],
            decimals=[of.decimals for of in launches],
            against=[stored_name(of.against) for of in launches],
            liquidities=[of.liquidity for of in launches],
            opens_at=[of.opens_at for of in launches],
        )

    async def open_launches(self, mints: Collection[str]) -> list[Launch]:
        rows = await self._database.run("open_launches", mints=_once(mints))
        return [read_launch(row) for row in rows]

    async def newest_launches(self, limit: int) -> list[Launch]:
        return [read_launch(row) for row in await self._database.run("newest_launches", limit=limit)]

    async def order(self, order_id: str) -> Order | None:
        return await self._order(order_id)

    async def order_of_key(self, key: str, account: Account = LOCAL) -> Order | None:
        rows = await self._read_orders("orders_of_keys", keys=[_stored_key(account, key)])
        return read_order(rows[0]) if rows else None

    async def orders(
        self, limit: int, before: tuple[datetime, str] | None = None, only: OrderFilter = ALL
    ) -> list[Order]:
        at, order_id = min(before or _NEWEST, _NEWEST if only.until is None else (only.until, _OLDEST[1]))
        since = only.since or _OLDEST[0]
        page = {"account": only.account.id, "at": at, "id": order_id, "since": since, "limit": limit}
        statuses = [*(Status if only.statuses is None else only.statuses)]
        if only.types is None and only.token_in is None and only.token_out is None:
            rows = await self._read_orders("newest_orders", statuses=statuses, **page)
            return [read_order(row) for row in rows]
        page |= {
            "types": [*(OrderType if only.types is None else only.types)],
            "idle": [status for status in statuses if status not in _BUSY],
            "busy": [status for status in statuses if status in _BUSY],
        }
        if only.token_in is None and only.token_out is None:
            rows = await self._read_orders("newest_orders_of_types", **page)
        else:
            rows = await self._read_orders(
                "newest_orders_of_pairs",
                token_in=only.token_in and stored_name(only.token_in),
                token_out=only.token_out and stored_name(only.token_out),
                **page,
            )
        return [read_order(row) for row in rows]

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        return await self._events((order_id, after))

    async def last_seqs(self, order_ids: Collection[str]) -> dict[str, int]:
        rows = await self._database.run("last_seqs", ids=list(order_ids))
        return {str(row["id"]): row["seq"] for row in rows}

    async def acknowledge(self, order_ids: Collection[str]) -> None:
        await self._database.run("acknowledge_orders", ids=_once(order_ids))

    async def any_queued_overdue(self) -> bool:
        return bool(await self._database.run("any_queued_overdue", after_ms=self._settings.sweep_after_ms))

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[Overdue]:
        rows = await self._database.run(
            "take_overdue",
            limit=limit,
            after_ms=self._settings.sweep_after_ms,
            drained_for_ms=drained_for_ms,
        )
        return [Overdue(str(row["id"]), Reason(row["reason"]), Account(row["account"])) for row in rows]

    async def check(self) -> None:
        await self._check(None)

    async def _check_all(self, asked: Sequence[None]) -> list[None]:
        """Rehearse once for all who ask at the same time, under a key that no other order has."""
        await self._simulate(str(uuid.uuid4()))
        return [None] * len(asked)

    async def _simulate(self, key: str) -> None:
        """Create an order in a transaction that is rolled back.

        It has a client of its own. So it keeps no other order waiting, and waits only for one that is just
        being created under the same key.
        """
        order_id = str(uuid.uuid4())
        symbols = [token.symbol for token in TOKENS[:2]]
        await self._database.rehearse(
            "create_orders",
            ids=[order_id],
            accounts=[LOCAL.id],
            tokens_in=symbols[:1],
            tokens_out=symbols[1:],
            amounts_in=[1],
            slippages_bps=[1],
            slippages_are_auto=[False],
            max_price_impacts_bps=[None],
            floors_out=[None],
            types=[OrderType.MARKET],
            prices=[None],
            sizes=[0],
            expiries=[None],
            venues=[None],
            details=["{}"],
            clients=[order_id],
            client_order_ids=[None],
            keys=[key],
            fingerprints=[""],
            max_outstanding=1,
            key_ttl_s=1,
        )

    async def _create_all(self, orders: Sequence[NewOrder]) -> list[Event | None]:
        terms = [new.terms for new in orders]
        details = [self._render(_first_event(of)) for of in terms]
        rows = await self._database.run(
            "create_orders",
            ids=[new.id for new in orders],
            accounts=[new.account.id for new in orders],
            tokens_in=[stored_name(of.token_in) for of in terms],
            tokens_out=[stored_name(of.token_out) for of in terms],
            amounts_in=[of.amount_in for of in terms],
            slippages_bps=[of.slippage_bps for of in terms],
            slippages_are_auto=[of.slippage_is_auto for of in terms],
            max_price_impacts_bps=[of.max_price_impact_bps for of in terms],
            floors_out=[kept_least(of) for of in terms],
            types=[of.type for of in terms],
            prices=[of.price for of in terms],
            sizes=[of.amount_in.bit_length() if of.rests else 0 for of in terms],
            expiries=[of.expires_at for of in terms],
            venues=[None if of.venues is None else ",".join(sorted(of.venues)) for of in terms],
            details=[_json(detail) for detail in details],
            clients=[new.client for new in orders],
            client_order_ids=[new.key for new in orders],
            keys=[new.key and _stored_key(new.account, new.key) for new in orders],
            fingerprints=[new.key and self._fingerprint(new.terms) for new in orders],
            max_outstanding=self._settings.max_outstanding,
            key_ttl_s=self._settings.key_ttl_s,
        )
        created = {str(row["order_id"]): row for row in rows}
        return [
            appended_event(created.get(new.id), new.id, detail)
            for new, detail in zip(orders, details, strict=True)
        ]

    async def first(self, new: NewOrder) -> Order | None:
        if new.key:  # else an order whose creation is still under way would be overlooked
            await self._simulate(_stored_key(new.account, new.key))
        return await self._first(new)

    async def _first(self, new: NewOrder) -> Order | None:
        """The order that the key has, if any and if it is another one. Raises IdempotencyConflict.

        It is a replay if the client said the same, or what comes to the same terms.
        """
        if not new.key:
            return None
        rows = await self._read_orders("find_keys", keys=[_stored_key(new.account, new.key)])
        if not rows:
            return None
        first = read_order(rows[0])
        if first.id == new.id:
            return None
        if first.terms != new.terms and rows[0]["fingerprint"] != self._fingerprint(new.terms):
            raise IdempotencyConflict(order_id=first.id)
        return first

    def _fingerprint(self, terms: Terms) -> str:
        """The hash of what the client said, so that a default that has changed since makes no conflict."""
        said = replace(terms, slippage_bps=0) if terms.slippage_is_default else terms
        if said.expires_in_ms is not None:
            said = replace(said, expires_at=_EPOCH + timedelta(milliseconds=said.expires_in_ms))
        rendered = self._render(_first_event(said))
        return sha256(json.dumps(rendered, sort_keys=True).encode()).hexdigest()

    async def _redrive_all(self, order_ids: Sequence[str]) -> list[Event | None]:
        rows = await self._database.run("redrive_orders", ids=_once(order_ids), mark=_mark())
        events = {str(row["order_id"]): read_event(row) for row in rows}
        return [
            events.pop(order_id, None) for order_id in order_ids
        ]  # a duplicate in the batch is redriven once

    async def _cancel_all(self, items: Sequence[tuple[str, Account]]) -> list[Event | None]:
        once = dict.fromkeys(items)
        rows = await self._database.run(
            "cancel_orders",
            ids=[order_id for order_id, _ in once],
            accounts=[account.id for _, account in once],
        )
        events = {(str(row["order_id"]), row["account"]): read_event(row) for row in rows}
        return [events.pop((order_id, account.id), None) for order_id, account in items]

    async def _claim_all(self, order_ids: Sequence[str]) -> list[Claim | Held | Order | None]:
        rows = await self._read_orders(
            "claim_orders", ids=_once(order_ids), mark=_mark(), lease_ms=self._lease_ms
        )
        found: dict[str, Row] = {str(row["id"]): row for row in rows}
        answers: list[Claim | Held | Order | None] = []
        for order_id in order_ids:
            row = found.get(order_id)
            answers.append(read_claim(row) if row else None)
            if row and row["claimed"]:  # a duplicate in the batch finds the order held
                found[order_id] = {**row, "claimed": False, "held_ms": self._lease_ms}
        return answers

    async def _record_all(self, transitions: Sequence[Transition]) -> list[Event | None]:
        signed = [transition.transaction for transition in transitions]
        orders = [transition.order for transition in transitions]
        details = [self._render(transition.event) for transition in transitions]
        rows = await self._database.run(
            "record_transitions",
            ids=[of.id for of in orders],
            fences=[of.fence for of in transitions],
            statuses=[of.status for of in transitions],
            seqs=[of.seq for of in orders],
            sources=[_SOURCES[of.status] for of in transitions],
            leases_ms=[0 if of.status in _UNHELD else self._lease_ms for of in transitions],
            retries_in_ms=[of.retry_in_ms for of in transitions],
            details=[_json(detail) for detail in details],
            signatures=[of and of.signature for of in signed],
            transactions=[of and of.raw for of in signed],
            last_valid_block_heights=[of and of.last_valid_block_height for of in signed],
            dexes=[of.venue for of in orders],
            quoted_outs=[of.quoted_out for of in orders],
            minimum_outs=[of.minimum_out for of in orders],
            amounts_out=[of.amount_out for of in orders],
            tx_hashes=[of.signature for of in orders],
            errors=[of.error for of in orders],
            codes=[of.code for of in orders],
        )
        moved = {(str(row["order_id"]), row["fence"]): row for row in rows}
        return [
            appended_event(moved.get((of.order.id, of.fence)), of.order.id, detail)
            for of, detail in zip(transitions, details, strict=True)
        ]

    async def _events_all(self, items: Sequence[tuple[str, int]]) -> list[list[Event]]:
        least: dict[str, int] = {}
        for order_id, after in items:
            least[order_id] = min(after, least.get(order_id, after))
        rows = await self._database.run("read_events", ids=list(least), afters=list(least.values()))
        events: defaultdict[str, list[Event]] = defaultdict(list)
        for row in rows:
            events[str(row["order_id"])].append(read_event(row))
        return [[event for event in events[order_id] if event.seq > after] for order_id, after in items]

    async def _orders_all(self, order_ids: Sequence[str]) -> list[Order | None]:
        rows = await self._read_orders("read_orders", ids=_once(order_ids))
        orders = {str(row["id"]): read_order(row) for row in rows}
        return [orders.get(order_id) for order_id in order_ids]

    async def _read_orders(self, name: str, **columns: Any) -> list[Row]:
        """The rows that a statement gives, once each launched token that they name is learned of."""
        rows = await self._database.run(name, **columns)
        names = {row[side] for row in rows for side in ("token_in", "token_out")}
        unknown = {name for name in names if stored_token(name).decimals == UNKNOWN_DECIMALS}
        if unknown:
            await self.open_launches(unknown)
        return rows


def _first_event(terms: Terms) -> OrderOpened | OrderAccepted:
    return OrderOpened(terms) if terms.rests else OrderAccepted(terms)


def _stored_key(account: Account, key: str) -> str:
    """An idempotency key as it is stored: keys are printable, so no two accounts share one."""
    return key if account == LOCAL else f"{account.id}\n{key}"


def _once(given: Iterable[Given]) -> list[Given]:
    return list(dict.fromkeys(given))


def _mark() -> int:
    """An even number of 32 bits, never 0, by which a call recognises the fences that it has given."""
    return 2 * (1 + secrets.randbelow(2**31 - 1))


def _json(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value).decode()
