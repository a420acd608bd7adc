"""Rates in a real Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.rates import RedisRates
from chalicelib.ports.rates import Rate, Taken

from local.services import Endpoints
from tests.fakes import eventually

SLOW, FAST = Rate(per_s=0.01, burst=5), Rate(per_s=20, burst=2)


@pytest.fixture
async def rates(services: Endpoints) -> AsyncIterator[RedisRates]:
    async with connect(services.redis_url) as redis:
        yield RedisRates(redis)


@pytest.fixture
def name() -> str:
    """One that no other test has taken."""
    return secrets.token_hex(8)


async def test_a_name_may_be_taken_as_often_as_its_burst_and_then_waits(rates: RedisRates, name: str) -> None:
    taken = [await rates.take(name, SLOW) for _ in range(7)]
    assert [one.is_allowed for one in taken] == [True] * 5 + [False] * 2
    assert [one.remaining for one in taken] == [4, 3, 2, 1, 0, 0, 0]
    assert 0 < taken[-1].wait_s <= 100
    assert 400 < taken[4].wait_s <= 500  # until all of it may be taken again


async def test_names_are_counted_apart(rates: RedisRates, name: str) -> None:
    for _ in range(5):
        await rates.take(name, SLOW)
    assert not (await rates.take(name, SLOW)).is_allowed
    assert (await rates.take(f"{name} other", SLOW)).is_allowed


async def test_takers_at_once_share_a_rate(rates: RedisRates, name: str) -> None:
    taken = await asyncio.gather(*(rates.take(name, SLOW) for _ in range(50)))
    assert sum(one.is_allowed for one in taken) == 5


async def test_a_name_that_has_waited_may_be_taken_again(rates: RedisRates, name: str) -> None:
    async def refused() -> Taken | None:
        taken = await rates.take(name, FAST)
        return None if taken.is_allowed else taken

    taken = await eventually(refused)
    assert taken.wait_s <= 0.05

    async def allowed() -> bool:
        return (await rates.take(name, FAST)).is_allowed

    assert await eventually(allowed)
