"""Schedules and relays that invoke functions, and the calls they are made of."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest
from chalicelib.adapters.aws.launcher import LambdaLauncher
from chalicelib.domain.errors import TemporarilyUnavailable
from moto import mock_aws

from local.calls import call, wait
from local.triggers import LocalRelayLauncher, Schedule
from tests.integration.gateway_app import until


async def test_a_schedule_invokes_repeatedly_and_survives_a_failure() -> None:
    events: list[dict[str, Any]] = []

    def fail(event: dict[str, Any], context: Any) -> None:
        events.append(event)
        raise ValueError("this turn fails")

    async with Schedule(fail, 0.02, name="sweep"):
        await until(lambda: len(events) >= 3)
    assert events[0]["source"] == "aws.events"
    assert len({event["id"] for event in events}) == len(events)


@pytest.mark.parametrize("at_once", [1, 2])
async def test_a_schedule_overlaps_itself_only_as_often_as_it_may(at_once: int) -> None:
    running, peak, turns = 0, 0, 0
    loop = asyncio.get_running_loop()

    def slow(event: dict[str, Any], context: Any) -> None:
        nonlocal running, peak, turns
        running += 1
        peak = max(peak, running)
        wait(asyncio.sleep(0.03), loop)  # three periods
        running -= 1
        turns += 1

    async with Schedule(slow, 0.01, at_once=at_once):
        await until(lambda: turns >= 3 and peak >= at_once)
    assert peak == at_once


async def test_stopping_a_schedule_waits_for_the_running_invocation() -> None:
    begun, release, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(event: dict[str, Any], context: Any) -> None:
        begun.set()
        wait(release.wait(), loop)
        ended.set()

    schedule = Schedule(hold, 60, first_after_s=0)
    schedule.start()
    await until(begun.is_set)
    stopping = asyncio.create_task(schedule.stop())
    release.set()
    await stopping
    assert ended.is_set()


class Relays(ModuleType):
    """Functions with a relay that runs until it is released."""

    def __init__(self) -> None:
        super().__init__("app")
        self.runs: list[int] = []
        self.released = asyncio.Semaphore(0)
        self._loop = asyncio.get_running_loop()

    def relay(self, event: dict[str, int], context: Any) -> None:
        assert 0 < context.get_remaining_time_in_millis() <= 900_000
        self.runs.append(event["shard"])
        wait(self.released.acquire(), self._loop)


async def test_each_shard_has_its_own_relay() -> None:
    functions = Relays()
    launcher = LocalRelayLauncher(functions)
    await launcher.launch(0)
    await launcher.launch(1)
    await until(lambda: sorted(functions.runs) == [0, 1])
    functions.released.release()
    functions.released.release()
    await launcher.stop()
    assert sorted(functions.runs) == [0, 1]


async def test_a_relay_requested_while_one_runs_is_started_after_it() -> None:
    functions = Relays()
    launcher = LocalRelayLauncher(functions)
    await launcher.launch(0)
    await until(lambda: functions.runs == [0])
    await launcher.launch(0)
    await launcher.launch(0)
    functions.released.release()
    await until(lambda: functions.runs == [0, 0])
    functions.released.release()
    await launcher.stop()
    assert functions.runs == [0, 0]


async def test_a_relay_can_be_launched_again_after_it_failed() -> None:
    functions = Relays()
    outcomes: list[str] = []

    def relay(event: dict[str, int], context: Any) -> None:
        outcomes.append("ran")
        raise ValueError("lost")

    functions.relay = relay  # type: ignore[method-assign]
    launcher = LocalRelayLauncher(functions)
    await launcher.launch(0)
    await until(lambda: outcomes == ["ran"])
    await launcher.launch(0)
    await until(lambda: outcomes == ["ran", "ran"])
    await launcher.stop()
    await launcher.launch(0)
    assert outcomes == ["ran", "ran"]


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


async def test_an_unreachable_lambda_is_temporarily_unavailable(credentials: None) -> None:
    launcher = LambdaLauncher("relay", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(TemporarilyUnavailable, match="relay"):
        await launcher.launch(0)


async def test_an_invocation_that_lambda_refuses_can_be_tried_again(credentials: None) -> None:
    with mock_aws(), pytest.raises(TemporarilyUnavailable, match="missing") as caught:
        await LambdaLauncher("missing").launch(0)
    assert "ResourceNotFound" in repr(caught.value.__cause__)


async def test_a_waiting_handler_does_not_block_another() -> None:
    loop, turn, order = asyncio.get_running_loop(), asyncio.Event(), list[str]()

    def first() -> str:
        order.append("first begins")
        wait(turn.wait(), loop)
        order.append("first ends")
        return "result"

    def second() -> None:
        order.append("second")
        turn.set()

    results = await asyncio.gather(call(first), call(second))
    assert ([*results], order) == (["result", None], ["first begins", "second", "first ends"])


async def test_an_error_reaches_the_handler_that_waits() -> None:
    loop = asyncio.get_running_loop()

    async def fail() -> None:
        raise LookupError

    def handler() -> str:
        try:
            wait(fail(), loop)
        except LookupError:
            return "caught"
        return "missed"

    assert await call(handler) == "caught"
    with pytest.raises(ZeroDivisionError):
        await call(lambda: 1 / 0)


async def test_a_call_that_is_cancelled_ends_where_it_waits() -> None:
    loop, ended = asyncio.get_running_loop(), list[str]()

    def handler() -> None:
        try:
            wait(asyncio.sleep(60), loop)
        finally:
            ended.append("cleaned up")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await call(handler)
    assert ended == ["cleaned up"]


async def test_a_plain_thread_can_wait_for_the_loop() -> None:
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(lambda: wait(asyncio.sleep(0, "done"), loop)) == "done"
