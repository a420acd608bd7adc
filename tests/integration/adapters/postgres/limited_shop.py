"""A store with short-lived keys and few outstanding orders, in memory or in Postgres."""

from __future__ import annotations

import uuid
from typing import Any

from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import Terms
from chalicelib.ports.store import Claim, NewOrder, Store

from tests.fakes import MemoryStore
from tests.samples import SOL, USDC, step

TERMS = Terms(SOL, USDC, 1_500_000_000, 50)
SETTINGS = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=100, max_outstanding=5)


def new(key: str | None = None, terms: Terms = TERMS, client: str = "") -> NewOrder:
    """An order of a client that has no other, unless it is named."""
    return NewOrder(str(uuid.uuid4()), terms, client or uuid.uuid4().hex, key)


class Shop:
    """A store, and what a test changes behind it."""

    store: Store

    async def pass_time(self, seconds: float) -> None:
        raise NotImplementedError

    async def keys(self) -> set[str]:
        """The stored keys, expired or not."""
        raise NotImplementedError

    async def created(self, order: NewOrder) -> str:
        assert isinstance(await self.store.create(order), Event)
        return order.id

    async def found(self, order: NewOrder) -> str:
        first = await self.store.create(order)
        assert isinstance(first, Order)
        return first.id

    async def end(self, order_id: str, status: Status = Status.FAILED) -> Claim:
        claim = await self.store.claim(order_id)
        assert isinstance(claim, Claim)
        steps = (Status.BUILDING, Status.SUBMITTED) if status is Status.CONFIRMED else ()
        for target in (*steps, status):
            await self.store.record(step(claim, target, error="No.", code="X"))
        return claim


class MemoryShop(Shop):
    def __init__(self) -> None:
        self.store = self.memory = MemoryStore(
            lease_ms=SETTINGS.lease_ms,
            sweep_after_ms=SETTINGS.sweep_after_ms,
            key_ttl_s=SETTINGS.key_ttl_s,
            max_outstanding=SETTINGS.max_outstanding,
        )

    async def pass_time(self, seconds: float) -> None:
        self.memory.advance(seconds)

    async def keys(self) -> set[str]:
        return {key for _, key in self.memory.keys}


class PostgresShop(Shop):
    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = PostgresStore(self.database, SETTINGS, event_detail)

    async def pass_time(self, seconds: float) -> None:
        for statement in (
            "UPDATE orders SET lease_until = lease_until - passed, due_at = due_at - passed,"
            " queued_at = queued_at - passed, created_at = created_at - passed",
            "UPDATE idempotency_keys SET expires_at = expires_at - passed",
        ):
            await self.execute(f"{statement} FROM (SELECT %s * interval '1 s' AS passed) AS time", seconds)

    async def keys(self) -> set[str]:
        return {row["key"] for row in await self.execute("SELECT key FROM idempotency_keys")}

    async def execute(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []
