"""A store with orders, in memory or in Postgres, and what a test changes behind it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import Terms
from chalicelib.ports.store import Claim, NewOrder, Reason, Store
from chalicelib.ports.trading import SignedTransaction

from tests.fakes import MemoryStore
from tests.samples import SOL, USDC, step

TERMS = Terms(SOL, USDC, 1_500_000_000, 50)
SETTINGS = {"lease_ms": 20_000, "sweep_after_ms": 60_000}
LIMITS = {"key_ttl_s": 86_400, "max_outstanding": 1_000_000}
SIGNED = SignedTransaction("signature", b"\0\xff raw bytes", 2**40)


class Shop:
    """A store, and what a test changes behind it."""

    store: Store

    @property
    def now(self) -> datetime:
        """The store's time."""
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        raise NotImplementedError

    async def made_at(self, order_ids: Sequence[str], at: datetime) -> None:
        """Set when these were created."""
        raise NotImplementedError

    async def new(self, terms: Terms = TERMS, account: Account = LOCAL) -> str:
        event = await self.store.create(NewOrder(str(uuid.uuid4()), terms, account=account))
        assert isinstance(event, Event)
        return event.order_id

    async def claim(self, order_id: str) -> Claim:
        claim = await self.store.claim(order_id)
        assert isinstance(claim, Claim)
        return claim

    async def move(self, claim: Claim, *statuses: Status, **kept: Any) -> None:
        for status in statuses:
            await self.store.record(step(claim, status, **kept))

    async def end(self, order_id: str, status: Status = Status.FAILED) -> None:
        await self.move(await self.claim(order_id), status)

    async def take_overdue(self, limit: int = 10_000, *, drained: bool = False) -> dict[str, Reason]:
        """The overdue orders with their reasons; `drained`: the queue was drained just now."""
        taken = await self.store.take_overdue(limit, drained_for_ms=0 if drained else None)
        found = {order.order_id: order.reason for order in taken}
        assert len(found) == len(taken), "an order is taken twice"
        return found

    async def queued(self, account: Account = LOCAL) -> str:
        """A new order whose message the queue has acknowledged."""
        order_id = await self.new(account=account)
        await self.store.acknowledge([order_id])
        return order_id

    async def steps(self, order_id: str) -> list[tuple[int, str, int]]:
        return [(event.seq, event.status.value, event.attempt) for event in await self.store.events(order_id)]


class MemoryShop(Shop):
    def __init__(self) -> None:
        self.memory = self.store = MemoryStore(**SETTINGS)

    @property
    def now(self) -> datetime:
        return self.memory.now

    async def pass_time(self, seconds: float) -> None:
        await self.memory.pass_time(seconds)

    async def made_at(self, order_ids: Sequence[str], at: datetime) -> None:
        for order_id in order_ids:
            row = self.memory.rows[order_id]
            row.order = replace(row.order, created_at=at)


class PostgresShop(Shop):
    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = PostgresStore(self.database, StoreSettings(**SETTINGS, **LIMITS), event_detail)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def execute(self, statement: str, *parameters: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement.encode(), parameters)

    async def pass_time(self, seconds: float) -> None:
        for statement in (
            "UPDATE orders SET lease_until = lease_until - passed, due_at = due_at - passed,"
            " queued_at = queued_at - passed, created_at = created_at - passed,"
            " expires_at = expires_at - passed",
            "UPDATE trigger_leases SET expires_at = expires_at - passed",
        ):
            await self.execute(f"{statement} FROM (SELECT %s * interval '1 s' AS passed) AS time", seconds)

    async def made_at(self, order_ids: Sequence[str], at: datetime) -> None:
        await self.execute("UPDATE orders SET created_at = %s WHERE id::text = ANY(%s)", at, list(order_ids))
