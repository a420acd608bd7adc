"""What invokes functions by the clock and in the background: schedules, relays, and the threads below."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from chalicelib.adapters.launcher import LambdaRelayLauncher
from chalicelib.domain.errors import TemporarilyUnavailable
from moto import mock_aws

from local.threads import Threads
from local.triggers import LocalRelayLauncher, Schedule
from tests.integration.gateway_app import until


async def test_a_schedule_invokes_again_and_again_and_survives_a_failure() -> None:
    events: list[dict[str, Any]] = []

    def fail(event: dict[str, Any], context: Any) -> None:
        events.append(event)
        raise ValueError("this turn fails")

    async with Schedule(fail, 0.02, name="sweep"):
        await until(lambda: len(events) >= 3)
    assert events[0]["source"] == "aws.events"
    assert len({event["id"] for event in events}) == len(events)


async def test_a_schedule_never_overlaps_itself() -> None:
    running, peak, turns = 0, 0, 0

    def slow(event: dict[str, Any], context: Any) -> None:
        nonlocal running, peak, turns
        running += 1
        peak = max(peak, running)
        threading.Event().wait(0.03)  # three periods
        running -= 1
        turns += 1

    async with Schedule(slow, 0.01):
        await until(lambda: turns >= 3)
    assert peak == 1


async def test_a_schedule_that_is_stopped_waits_for_its_turn() -> None:
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    def hold(event: dict[str, Any], context: Any) -> None:
        begun.set()
        release.wait(5)
        ended.set()

    schedule = Schedule(hold, 60, first_after_s=0)
    schedule.start()
    await until(begun.is_set)
    stopping = asyncio.create_task(schedule.stop())
    release.set()
    await stopping
    assert ended.is_set()


class Relays(ModuleType):
    """Functions with a relay that runs until it is let go."""

    def __init__(self) -> None:
        super().__init__("app")
        self.runs: list[int] = []
        self.let_go = threading.Semaphore(0)

    def relay(self, event: dict[str, int], context: Any) -> None:
        assert 0 < context.get_remaining_time_in_millis() <= 900_000
        self.runs.append(event["shard"])
        self.let_go.acquire(timeout=5)


async def test_a_shard_has_one_relay_and_another_shard_its_own() -> None:
    functions = Relays()
    launcher = LocalRelayLauncher(functions)
    await launcher.launch(0)
    await launcher.launch(1)
    await until(lambda: sorted(functions.runs) == [0, 1])
    functions.let_go.release(2)
    await launcher.stop()
    assert sorted(functions.runs) == [0, 1]


async def test_a_relay_that_was_asked_for_while_one_ended_runs_once_more() -> None:
    functions = Relays()
    launcher = LocalRelayLauncher(functions)
    await launcher.launch(0)
    await until(lambda: functions.runs == [0])
    await launcher.launch(0)
    await launcher.launch(0)
    functions.let_go.release()
    await until(lambda: functions.runs == [0, 0])
    functions.let_go.release()
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


async def test_a_lambda_that_is_away_is_said_to_be(credentials: None) -> None:
    launcher = LambdaRelayLauncher("relay", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(TemporarilyUnavailable, match="relay"):
        await launcher.launch(0)


async def test_an_invocation_that_lambda_refuses_can_be_tried_again(credentials: None) -> None:
    with mock_aws(), pytest.raises(TemporarilyUnavailable, match="relay") as caught:
        await LambdaRelayLauncher("nobody").launch(0)
    assert "ResourceNotFound" in repr(caught.value.__cause__)


async def test_calls_wait_their_turn_and_one_that_gave_up_is_never_made() -> None:
    threads, release, made = Threads(1, "test"), threading.Event(), list[str]()
    first = asyncio.create_task(threads.run(release.wait, 5))
    second = asyncio.create_task(threads.run(made.append, "second"))
    third = asyncio.create_task(threads.run(made.append, "third"))
    await until(lambda: threads.waiting == 2)
    second.cancel()
    await asyncio.wait([second])
    release.set()
    await asyncio.gather(first, third)
    assert made == ["third"]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    threads.close()


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = """
import asyncio, threading
from local.threads import Threads
async def main():
    begun = threading.Event()
    hanging = asyncio.create_task(Threads(1, "hanging").run(lambda: (begun.set(), threading.Event().wait())))
    while not begun.is_set():
        await asyncio.sleep(0)
    hanging.cancel()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
