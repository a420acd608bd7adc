"""What makes two submits under one key the same: what the client said, whatever the engine makes of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.api.wire.requests import terms
from chalicelib.domain.errors import IdempotencyConflict
from chalicelib.domain.events import Event, OrderAccepted
from chalicelib.domain.order import Order
from chalicelib.ports.store import NewOrder, Store

from tests.fakes import MemoryStore
from tests.samples import RULES

SETTINGS = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=100, max_outstanding=10_000)
BODY: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest, database: Database) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(database, SETTINGS, event_detail)


async def submit(store: Store, key: str, default: int, **said: Any) -> Event | Order:
    return await store.create(
        NewOrder(
            str(uuid.uuid4()),
            terms(
                {**BODY, **said},
                replace(RULES, default_slippage_bps=default, max_auto_slippage_bps=2 * default),
            ),
            key=key,
        )
    )


SAME = {
    "another default since": ((100, {}), (200, {})),
    "the default said": ((100, {}), (100, {"slippageBps": Decimal(100)})),
    "the default no longer said": ((100, {"slippageBps": Decimal(100)}), (100, {})),
    "said, and another default since": (
        (100, {"slippageBps": Decimal(50)}),
        (200, {"slippageBps": Decimal(50)}),
    ),
    "auto, and another limit of it since": (
        (100, {"slippageBps": "auto"}),
        (200, {"slippageBps": "auto"}),
    ),
    "another form of the same": ((100, {}), (200, {"amount": Decimal("1.50")})),
}
OTHER = {
    "another slippage said": ((100, {"slippageBps": Decimal(50)}), (100, {"slippageBps": Decimal(51)})),
    "a slippage said later": ((100, {}), (200, {"slippageBps": Decimal(200)})),
    "a slippage said no longer": ((100, {"slippageBps": Decimal(50)}), (100, {})),
    "auto, and then a number": ((100, {"slippageBps": "auto"}), (100, {"slippageBps": Decimal(200)})),
    "a number, and then auto": ((100, {"slippageBps": Decimal(200)}), (100, {"slippageBps": "auto"})),
    "auto no longer said": ((200, {"slippageBps": "auto"}), (400, {})),
    "another amount": ((100, {}), (200, {"amount": "1.6"})),
    "another token": ((100, {}), (200, {"tokenOut": "BONK"})),
}


@pytest.mark.parametrize(("first", "second"), SAME.values(), ids=SAME)
async def test_who_says_the_same_gets_the_first_order(store: Store, first: Any, second: Any) -> None:
    key = uuid.uuid4().hex
    created = await submit(store, key, first[0], **first[1])
    assert isinstance(created, Event)
    again = await submit(store, key, second[0], **second[1])
    assert isinstance(again, Order)
    assert again.id == created.order_id
    said = first[1].get("slippageBps", first[0])
    assert again.terms.slippage_bps == (2 * first[0] if said == "auto" else said)
    assert again.terms.slippage_is_auto == (said == "auto")


@pytest.mark.parametrize(("first", "second"), OTHER.values(), ids=OTHER)
async def test_who_says_something_else_is_in_conflict(store: Store, first: Any, second: Any) -> None:
    key = uuid.uuid4().hex
    await submit(store, key, first[0], **first[1])
    with pytest.raises(IdempotencyConflict):
        await submit(store, key, second[0], **second[1])


@pytest.mark.parametrize("said", [{}, {"slippageBps": Decimal(50)}])
async def test_a_key_of_the_version_before_is_still_valid(database: Database, said: dict[str, Any]) -> None:
    store, key = PostgresStore(database, SETTINGS, event_detail), uuid.uuid4().hex
    created = await submit(store, key, 100, **said)
    assert isinstance(created, Event)
    stored = event_detail(OrderAccepted(terms({**BODY, **said}, RULES)))  # what that version took the hash of
    fingerprint = sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE idempotency_keys SET fingerprint = %s WHERE key = %s", [fingerprint, key]
        )
    again = await submit(store, key, 100, **said)
    assert isinstance(again, Order)
    assert again.id == created.order_id
