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


async def well() -> None: ...


async def away() -> None:
    raise TemporarilyUnavailable


async def silent() -> None:
    await asyncio.Event().wait()


async def summary() -> DeadLetterSummary:
    return SUMMARY


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_S", 0.05)


async def test_all_is_well_when_every_server_answers() -> None:
    found = await check_health({"one": well, "two": well}, summary)
    assert found.ok
    assert found.servers == {"one": True, "two": True}
    assert found.dead_letters == SUMMARY


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_is_away_or_silent_is_named() -> None:
    found = await check_health({"one": well, "two": away, "three": silent}, summary)
    assert not found.ok
    assert found.servers == {"one": True, "two": False, "three": False}
    assert found.dead_letters == SUMMARY


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("counting", [away, silent])
async def test_dead_letters_that_cannot_be_counted_are_unknown_and_nothing_is_degraded(counting) -> None:
    found = await check_health({"one": well}, counting)
    assert found.ok
    assert found.dead_letters is None


@pytest.mark.usefixtures("impatient")
async def test_a_driver_that_is_slow_to_give_up_is_not_waited_for() -> None:
    giving_up, gave_up = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await silent()
        finally:
            await giving_up.wait()
            gave_up.set()
            raise OSError("nobody asks any more")

    async with asyncio.timeout(2):
        assert not (await check_health({"one": stubborn})).ok
    assert not gave_up.is_set()
    giving_up.set()
    await eventually(lambda: gave_up.is_set() and not health._abandoned)


async def test_an_error_that_nobody_knows_is_not_taken_for_an_answer() -> None:
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
        engine.dead_letters.away = True
        answer = call("GET", "/health")
        assert (answer.status, answer.body["deadLetters"]) == (200, None)
