"""The first signal, whenever it comes."""

from __future__ import annotations

import asyncio
import signal

import pytest

from local.process import Stopped, Stopping


async def test_a_stop_that_was_asked_for_and_whose_exception_was_lost_ends_what_is_waited_for() -> None:
    stopping = Stopping(lambda: None)
    with pytest.raises(Stopped):
        stopping.handle(signal.SIGTERM, None)  # as in a destructor, which raises nothing
    with pytest.raises(Stopped):
        await stopping.unless(asyncio.sleep(3600))
    with pytest.raises(Stopped):
        stopping.wait()
