"""A process's simulated world on the real Postgres, and a clock that a test moves."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.adapters.postgres.database import Database
from chalicelib.config import Config
from chalicelib.ports.trading import Chain, SignedTransaction, Signer, Swap, Venue
from chalicelib.simulation.launchpad import Launchpad
from chalicelib.simulation.world import Simulation

from tests.samples import SOL, USDC


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class World:
    """One process's simulated world; several on one database are several processes."""

    database: Database
    settings: dict[str, Any] = field(default_factory=dict)
    venues: dict[str, Venue] = field(init=False)
    chain: Chain = field(init=False)
    wallet: Signer = field(init=False)
    launches: Launchpad = field(init=False)

    def __post_init__(self) -> None:
        config = replace(Config(sim_latency=0.0), **self.settings)
        world = Simulation(config, self.database)
        self.venues, self.chain, self.wallet = world.venues, world.chain, world.signer
        self.launches = world.launchpad

    async def sign(self, *, memo: str = "", minimum_out: int = 1, **swap: Any) -> SignedTransaction:
        """A sale of one SOL on Meteora, changed by `swap`, for an order of its own."""
        instruction = replace(Swap("meteora", SOL, USDC, 10**9, minimum_out), **swap)
        return self.wallet.sign(instruction, memo or str(uuid.uuid4()), *await self.chain.latest_blockhash())

    async def landed(self) -> dict[str, int]:
        """How many swaps landed for each memo, as anyone can count them."""
        async with self.database.connection() as connection:
            cursor = await connection.execute("SELECT memo, count(*) AS swaps FROM sim.swaps GROUP BY memo")
            return {row["memo"]: row["swaps"] async for row in cursor}
