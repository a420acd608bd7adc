"""Rounds on a Solana node that is killed like the other servers; swaps and fees are counted on its chain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.engine import deployed
from tests.e2e.solana import unaccounted
from tests.faults.plan import draw
from tests.faults.resting import REFUSED
from tests.faults.round import Round
from tests.faults.world import ACCOUNTS, SOLANA, SOLANA_TARGETS, World

HELD_AT_FIRST = 1_000 * 10**9  # lamports; see local/servers/solana/genesis.py


@pytest.fixture(scope="module")
def solana_world() -> Iterator[World]:
    """The world of two accounts, on a Solana node."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with World(*ACCOUNTS, **SOLANA) as world:
        asyncio.run(buy(world, REFUSED))
        yield world
        assert "Traceback" not in world.log


async def buy(world: World, token: str) -> None:
    """Buy a token of which the wallet has no account; its swaps fail now and then."""
    async with Client(world.engines[ACCOUNTS[0]]) as client:
        while (await client.execute("USDC", token, 1000))[-1]["status"] != "confirmed":
            pass


@pytest.mark.parametrize("seed", [11])
async def test_nothing_is_lost_doubled_or_stuck_on_solana_and_every_fee_is_accounted_for(
    solana_world: World, seed: int
) -> None:
    outcome = await Round(solana_world, draw(seed, orders=150, targets=SOLANA_TARGETS)).run()
    assert outcome.verdict.is_good, outcome.verdict
    assert outcome.verdict.confirmed > 50
    engine = solana_world.engine
    assert unaccounted(engine.solana_url, engine.wallet, HELD_AT_FIRST) == 0
