"""The log line of the scheduled sweep."""

from __future__ import annotations

import logging

import pytest
from chalicelib.api.schedules import sweep
from chalicelib.ports.store import NewOrder

from tests.fakes import MemoryEngine
from tests.samples import TERMS


async def test_the_log_line_has_the_orders_queued_by_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with MemoryEngine() as engine:
        assert sweep() == 0
        for name in ("first", "lost", "second"):
            await engine.store.create(NewOrder(name, TERMS))
        await engine.store.claim("lost")
        engine.store.advance(1000)
        assert sweep() == 3
    assert [
        (record.levelname, record.getMessage()) for record in caplog.records if "sweep" in record.msg
    ] == [
        ("WARNING", "sweep queued=3 never_acknowledged=2 worker_gone=1"),
    ]
