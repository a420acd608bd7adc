from __future__ import annotations

import asyncio

import pytest
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.ports.queue import DeadLetterSummary
from chalicelib.services import health
from chalicelib.services.health import check_health

from tests.fakes import MemoryEngine, eventually
from tests.rest import call

SUMMARY = DeadLetterSummary(3, 12.5)


async def available() -> None: ...


async def unavailable() -> None:
    raise TemporarilyUnavailable


async def unresponsive() -> None:
    await asyncio.Event().wait()


async def summary() -> DeadLetterSummary:
    return SUMMARY


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_S", 0.05)


async def test_health_is_ok_when_every_server_answers() -> None:
    found = await check_health({"one": available, "two": available}, summary)
    assert found.ok
    assert found.servers == {"one": True, "two": True}
    assert found.dead_letters == SUMMARY


@pytest.mark.usefixtures("short_timeout")
async def test_an_unavailable_or_unresponsive_server_is_named() -> None:
    found = await check_health({"one": available, "two": unavailable, "three": unresponsive}, summary)
    assert not found.ok
    assert found.servers == {"one": True, "two": False, "three": False}
    assert found.dead_letters == SUMMARY


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("counting", [unavailable, unresponsive])
async def test_dead_letters_that_cannot_be_counted_do_not_degrade_health(counting) -> None:
    found = await check_health({"one": available}, counting)
    assert found.ok
    assert found.dead_letters is None


@pytest.mark.usefixtures("short_timeout")
async def test_a_check_that_is_slow_to_cancel_is_not_waited_for() -> None:
    giving_up, gave_up = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await unresponsive()
        finally:
            await giving_up.wait()
            gave_up.set()
            raise OSError("the check was abandoned")

    async with asyncio.timeout(2):
        assert not (await check_health({"one": stubborn})).ok
    assert not gave_up.is_set()
    giving_up.set()
    await eventually(lambda: gave_up.is_set() and not health._abandoned)


async def test_an_unexpected_error_of_a_check_is_raised() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await check_health({"one": broken})


def test_health_counts_dead_letters_and_is_not_degraded_by_them() -> None:
    with MemoryEngine(orders_dlq_url="memory") as engine:
        assert call("GET", "/health").body["deadLetters"] == {"count": 0, "oldestSeconds": None}
        engine.dead_letters.put("x", age_s=3.04)
        engine.dead_letters.put("y", age_s=61.04)
        answer = call("GET", "/health")
        assert (answer.status, answer.body["status"]) == (200, "ok")
        assert answer.body["deadLetters"] == {"count": 2, "oldestSeconds": 61.0}
        engine.dead_letters.unavailable = True
        answer = call("GET", "/health")
        assert (answer.status, answer.body["deadLetters"]) == (200, None)
