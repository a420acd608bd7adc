"""Contract tests of the store of API keys, in Postgres and in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.adapters.postgres.database import SQL, Database
from chalicelib.adapters.postgres.keys import PostgresKeys
from chalicelib.domain.account import Account, Scope
from chalicelib.domain.keys import ApiKey
from chalicelib.ports.keys import Keys

from tests.fakes import MemoryKeys

BOTH = frozenset({Scope.ORDERS_READ, Scope.ORDERS_WRITE})


@pytest.fixture(params=["memory", "postgres"])
async def keys(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Keys]:
    if request.param == "memory":
        yield MemoryKeys()
        return
    database = Database(database_url)
    database.load(SQL / "queries.sql")
    yield PostgresKeys(database)
    await database.close()


@pytest.fixture
def account() -> Account:
    """One of the test's own."""
    return Account(f"account-{secrets.token_hex(4)}")


async def add(keys: Keys, account: Account, expires_at: datetime | None = None, name: str = "bot") -> str:
    key_id = secrets.token_hex(6)
    await keys.add(ApiKey(key_id, account, name, BOTH, b"hash", datetime.now(UTC), expires_at))
    return key_id


async def test_a_key_is_kept_as_it_was_added(keys: Keys, account: Account) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    key_id = await add(keys, account, at)
    key = await keys.key(key_id)
    assert key is not None
    assert (key.id, key.account, key.name, key.scopes, key.hash) == (key_id, account, "bot", BOTH, b"hash")
    assert (key.expires_at, key.revoked_at, key.last_used_at) == (at, None, None)
    assert (key.is_over, key.is_use_stale) == (False, True)
    assert await keys.key("0" * 12) is None


async def test_a_key_is_over_once_it_has_expired(keys: Keys, account: Account) -> None:
    key_id = await add(keys, account, datetime.now(UTC) - timedelta(milliseconds=1))
    key = await keys.key(key_id)
    assert key is not None
    assert key.is_over
    assert await keys.over([key_id]) == {key_id}


async def test_a_key_is_over_at_the_moment_it_is_revoked_and_stays_so(keys: Keys, account: Account) -> None:
    key_id, other = await add(keys, account), await add(keys, account)
    assert await keys.end(key_id, in_ms=0)
    assert await keys.end(key_id, in_ms=60_000)
    for _ in range(2):
        found = await asyncio.gather(keys.key(key_id), keys.key(other))
        assert [key and key.is_over for key in found] == [True, False]
    assert await keys.over([key_id, other, "unknown"]) == {key_id, "unknown"}
    assert not await keys.end("unknown", in_ms=0)


async def test_a_key_that_is_to_end_counts_until_then(keys: Keys, account: Account) -> None:
    key_id = await add(keys, account)
    await keys.end(key_id, in_ms=60_000)
    key = await keys.key(key_id)
    assert key is not None
    assert not key.is_over
    assert key.revoked_at is not None


async def test_a_use_is_stored(keys: Keys, account: Account) -> None:
    key_id = await add(keys, account)
    await keys.used(key_id)
    key = await keys.key(key_id)
    assert key is not None
    assert key.last_used_at is not None
    assert not key.is_use_stale


async def test_keys_are_listed_by_account_oldest_first(keys: Keys, account: Account) -> None:
    other = Account(f"{account.id}-other")
    mine = [await add(keys, account, name=f"key {n}") for n in range(3)]
    theirs = await add(keys, other)
    assert [key.id for key in await keys.keys(account)] == mine
    every = [key.id for key in await keys.keys(None)]
    assert {*mine, theirs} <= {*every}
