"""Stores in memory and in Postgres, empty for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.adapters.postgres.shop import MemoryShop, PostgresShop, Shop


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[PostgresShop]:
    shop = PostgresShop(database_url)
    await shop.execute("TRUNCATE orders, order_events, idempotency_keys, outstanding_orders")
    yield shop
    await shop.database.close()


@pytest.fixture(params=["memory", "postgres"])
def shop(request: pytest.FixtureRequest) -> Shop:
    if request.param == "memory":
        return MemoryShop()
    found: Shop = request.getfixturevalue("postgres")
    return found
