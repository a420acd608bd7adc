"""Limits of requests: too many are refused, and none while they can't be counted."""

from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import TooFast
from chalicelib.ports.rates import Rate, Taken
from chalicelib.services.limits import Counted, Limits

from tests.fakes import MemoryRates

RATE = Rate(per_s=0.5, burst=2)


async def test_requests_are_counted_and_too_many_refused() -> None:
    limits = Limits(MemoryRates(), RATE)
    assert [await limits.take("alice") for _ in range(2)] == [Counted(2, 1, 2.0), Counted(2, 0, 4.0)]
    with pytest.raises(TooFast) as raised:
        await limits.take("alice")
    assert (raised.value.wait_s, raised.value.code) == (2.0, "TOO_MANY_REQUESTS")
    await limits.take("bob")


async def test_without_a_count_no_request_is_refused_and_it_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rates = MemoryRates()
    limits = Limits(rates, RATE)
    rates.unavailable = True
    assert [await limits.take("alice") for _ in range(5)] == [None] * 5
    assert len(caplog.records) == 1
    rates.unavailable = False
    assert await limits.take("alice") is not None


class SilentRates(MemoryRates):
    async def take(self, name: str, rate: Rate) -> Taken:
        return await asyncio.get_running_loop().create_future()


async def test_a_count_that_does_not_come_holds_up_no_request() -> None:
    assert await Limits(SilentRates(), RATE).take("alice") is None
