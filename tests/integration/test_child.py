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

from local.separate import child as children
from local.separate.child import Child
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


async def test_a_killed_process_is_started_again_and_the_log_says_so(
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
        f"the worker (pid {first}) ended (SIGKILL); it is started again in 0.1 s"
    ]


async def test_one_that_dies_at_once_again_and_again_is_started_less_and_less_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(children, "LONGEST_PAUSE_S", 0.004)
    worker = child(DIES_AT_ONCE, tmp_path)
    async with worker.kept():
        await until(lambda: len(caplog.records) >= 5)
    pauses = [record.args[-1] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses[:5] == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_one_that_can_not_even_be_started_is_an_error_for_who_waits(tmp_path: Path) -> None:
    worker = child(DOES_NOT_START, tmp_path)
    async with AsyncExitStack() as parts:
        kept = await parts.enter_async_context(worker.kept())
        with pytest.raises(ServiceError, match="The worker did not start"):
            await worker.served()
        assert kept.done()
