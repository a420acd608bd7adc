"""The switch that stops all signing: set by one process, read by another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.solana.switch import Switch
from chalicelib.adapters.solana.world import SolanaWorld
from chalicelib.config import Config
from chalicelib.domain.errors import SigningRefused
from chalicelib.ports.trading import HaltableWorld

from infra.package import FUNCTIONS

NOWHERE = "http://127.0.0.1:1"
CONFIG = Config(world="solana", solana_rpc_urls=NOWHERE, jupiter_url=NOWHERE)


@pytest.fixture
async def database(solana_database_url: str) -> AsyncIterator[Database]:
    database = Database(solana_database_url)
    yield database
    await database.close()


def test_a_process_that_quotes_follows_halts_or_audits_imports_nothing_that_signs() -> None:
    modules = ", ".join(f"chalicelib.adapters.solana.{name}" for name in ("world", "chain", "audit"))
    code = f"import sys, {modules}; assert 'solders' not in sys.modules"
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env={"PYTHONPATH": str(FUNCTIONS)})


async def test_what_one_process_halts_no_other_one_signs_until_it_is_resumed(database: Database) -> None:
    world: HaltableWorld = SolanaWorld(CONFIG, database)
    for text in ("a drill", 'with "quotes", a \\ and ünicode'):
        assert await world.set_halt(text) == text
        with pytest.raises(SigningRefused, match="Trading is halted") as refused:
            await Switch(database, is_halted=False).check()
        assert text in str(refused.value)
    assert await world.set_halt(None) is None
    await Switch(database, is_halted=False).check()


async def test_what_a_setting_halts_no_switch_resumes(database: Database) -> None:
    world = SolanaWorld(replace(CONFIG, solana_halted="yes"), database)
    assert await world.set_halt(None) == "SOLANA_HALTED is set"
