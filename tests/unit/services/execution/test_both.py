"""Two calls at once: both results, or an error once neither runs any more."""

from __future__ import annotations

import asyncio

import pytest
from chalicelib.services.execution.both import both


class Call:
    """Goes on once it is let, and then gives `result` or raises it."""

    def __init__(self, result: object) -> None:
        self.go = asyncio.Event()
        self.ended = False
        self._result = result

    async def __call__(self) -> object:
        try:
            await self.go.wait()
        finally:
            self.ended = True
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


async def begun(first: Call, second: Call) -> asyncio.Task[tuple[object, object]]:
    """Both, under way."""
    task = asyncio.create_task(both(first(), second()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_both_results_are_given_whichever_comes_first() -> None:
    first, second = Call(1), Call(2)
    task = await begun(first, second)
    second.go.set()
    await asyncio.sleep(0)
    assert not task.done()
    first.go.set()
    assert await task == (1, 2)


@pytest.mark.parametrize("failing", [0, 1])
async def test_an_error_is_raised_once_the_other_call_has_ended(failing: int) -> None:
    calls = [Call(1), Call(2)]
    calls[failing] = Call(ValueError("failed"))
    task = await begun(*calls)
    calls[failing].go.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    calls[1 - failing].go.set()
    with pytest.raises(ValueError, match="failed"):
        await task
    assert calls[1 - failing].ended


async def test_of_two_errors_the_first_calls_is_raised() -> None:
    first, second = Call(ValueError("first")), Call(ValueError("second"))
    task = await begun(first, second)
    second.go.set()
    first.go.set()
    with pytest.raises(ValueError, match="first"):
        await task


@pytest.mark.parametrize("ended", [None, 0, 1])
async def test_what_is_cancelled_leaves_no_call_running(ended: int | None) -> None:
    calls = [Call(1), Call(2)]
    task = await begun(*calls)
    if ended is not None:
        calls[ended].go.set()
        for _ in range(5):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(call.ended for call in calls)
