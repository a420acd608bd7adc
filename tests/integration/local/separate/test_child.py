"""A process that is kept running, whatever ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from local import separate as children
from local.separate import Child
from local.servers import ServiceError
from tests.integration.gateway_app import until

SERVES = "import time; print('serving', flush=True); time.sleep(600)"
DIES_AT_ONCE = "print('serving', flush=True)"
DOES_NOT_START = "raise SystemExit(3)"


def child(program: str, state: Path) -> Child:
    return Child("worker", [sys.executable, "-c", program], state=state, environ=dict(os.environ))


def pid(state: Path) -> int:
    return int((state / "worker.pid").read_text() or 0)


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_process_is_restarted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = child(SERVES, tmp_path)
    async with worker.kept():
        await worker.served()
        first = pid(tmp_path)
        os.kill(first, signal.SIGKILL)
        began = asyncio.get_running_loop().time()
        await until(lambda: pid(tmp_path) not in (0, first))
        assert asyncio.get_running_loop().time() - began < 1
        second = pid(tmp_path)
    assert not is_running(first)
    assert not is_running(second)
    assert not (tmp_path / "worker.pid").exists()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"process: exited, restarting role=worker pid={first} exit=SIGKILL pause_s=0.1"
    ]


async def test_a_process_that_keeps_exiting_at_once_is_restarted_with_back_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(children, "LONGEST_PAUSE_S", 0.004)
    worker = child(DIES_AT_ONCE, tmp_path)
    async with worker.kept():
        await until(lambda: len(caplog.records) >= 5)
    pauses = [record.args[-1] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses[:5] == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_a_process_that_cannot_be_started_is_an_error_for_its_waiters(tmp_path: Path) -> None:
    worker = child(DOES_NOT_START, tmp_path)
    async with AsyncExitStack() as parts:
        kept = await parts.enter_async_context(worker.kept())
        with pytest.raises(ServiceError, match="The worker did not start"):
            await worker.served()
        assert kept.done()


async def test_a_restart_that_is_asked_for_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = child(SERVES, tmp_path)
    async with worker.kept():
        await worker.served()
        first = pid(tmp_path)
        await worker.restart()
        await until(lambda: pid(tmp_path) not in (0, first))
        assert not is_running(first)
    assert not caplog.records


async def test_a_restart_does_not_wait_for_the_back_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 600.0)
    monkeypatch.setattr(children, "LONGEST_PAUSE_S", 600.0)
    worker = child(DIES_AT_ONCE, tmp_path)
    async with worker.kept():
        await until(lambda: len(caplog.records) == 1)
        first = pid(tmp_path)
        await worker.restart()
        await until(lambda: pid(tmp_path) not in (0, first))
