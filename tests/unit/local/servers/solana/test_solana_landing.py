"""The timer that lands transactions."""

from __future__ import annotations

import asyncio
import logging

import pytest

from local.servers.solana.landing import Landing
from tests.fakes import eventually
from tests.unit.local.servers.solana.chain import LANDING_MS, Chain


async def test_the_timer_lands_whatever_is_due_until_nothing_is_pending() -> None:
    chain, failures = Chain(), list[str]()
    transactions = [chain.transfer(10**9 + number) for number in range(3)]
    for transaction in transactions:
        chain.ledger.accept(transaction)
    chain.now_ms += LANDING_MS
    Landing(chain.ledger, lambda: failures.append("failed")).schedule()
    await eventually(lambda: all(map(chain.landed, transactions)))
    assert chain.ledger.due_ms is None
    assert failures == []


async def test_a_landing_that_fails_ends_the_timer_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chain, failures = Chain(), asyncio.Event()
    chain.ledger.accept(chain.transfer())
    chain.now_ms += LANDING_MS
    monkeypatch.setattr(chain.journal, "land", lambda *_: 1 // 0)
    landing = Landing(chain.ledger, failures.set)
    landing.schedule()
    await failures.wait()
    assert "landing failed" in caplog.text
    failures.clear()
    landing.schedule()
    await asyncio.sleep(0)
    assert not failures.is_set()
    assert caplog.records[-1].levelno == logging.ERROR
