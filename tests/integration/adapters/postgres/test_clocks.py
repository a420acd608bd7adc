"""A process whose clock is not the database's: its orders are settled by the database's."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from chalicelib.adapters.postgres import session
from chalicelib.adapters.postgres.database import Database
from chalicelib.config import Config
from chalicelib.ports.trading import Landed, Swap
from chalicelib.simulation import world as simulations
from chalicelib.simulation.world import Simulation

from tests.samples import SOL, USDC

HOUR_S = 3600.0


@pytest.fixture(params=[-HOUR_S, -30.0, 0.0, HOUR_S])
def off_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How far this process's clock is off."""
    off: float = request.param
    clock = SimpleNamespace(time=lambda: time.time() + off)
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(simulations, "time", clock)
    return off


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def test_a_swap_lands_however_far_the_clock_is_off(
    off_s: float, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await database.run("ping")  # a worker's claim comes before all else
    assert database.clock_ahead_s == pytest.approx(-off_s, abs=1.0)
    assert ("clocks differ" in caplog.text) == bool(off_s)
    here = Simulation(Config(sim_latency=0.0), database)
    assert await here.chain.block_height() == pytest.approx(time.time() * 1000 / 400, abs=5)
    quote = await here.venues["meteora"].quote(SOL, USDC, 10**9)
    swap = Swap("meteora", SOL, USDC, 10**9, quote.amount_out * 99 // 100)
    signed = here.signer.sign(swap, f"clock {off_s}", *await here.chain.latest_blockhash())
    await here.chain.send(signed)
    assert isinstance(await here.chain.status(signed.signature), Landed)
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT FROM sim.swaps WHERE memo = %s", [f"clock {off_s}"])
        assert cursor.rowcount == 1


async def test_two_processes_with_different_clocks_see_one_chain(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.run("ping")
    height = await Simulation(Config(sim_latency=0.0), database).chain.block_height()
    late = SimpleNamespace(time=lambda: time.time() - HOUR_S)
    monkeypatch.setattr(session, "time", late)
    monkeypatch.setattr(simulations, "time", late)
    other = Database(database_url)
    try:
        await other.run("ping")
        two = Simulation(Config(sim_latency=0.0), other)
        assert await two.chain.block_height() == pytest.approx(height, abs=5)
    finally:
        await other.close()
