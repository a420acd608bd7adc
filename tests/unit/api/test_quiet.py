"""At INFO the schedules say nothing while nothing happens."""

from __future__ import annotations

import logging

import pytest
from chalicelib.api.schedules import keep_relays, sweep

from tests.fakes import MemoryEngine


def test_a_schedule_that_finds_nothing_to_do_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with MemoryEngine():
        assert sweep() == 0
        assert keep_relays() == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("chalicelib")] == []
