"""The simulated world as the settings describe it: the venues, the chain they settle on, and a wallet."""

from __future__ import annotations

import time
import uuid
from functools import cached_property
from random import Random

from ..config import Config
from ..ports.launches import Launches
from ..ports.trading import Chain, Signer, Venue, World
from .database import SQL, Database
from .fault_rules import parse
from .faults import Faults
from .launchpad import Launchpad
from .market import Market
from .meteora import Meteora
from .new_pools import WithNewPools
from .orca import Orca
from .raydium import Raydium
from .venue import Dex, SimulatedVenue


def build(config: Config, database: Database) -> World:
    """The simulated world. Raises ConfigError when SIM_FAULTS or SIM_LAUNCHES is wrong."""
    return Simulation(config, database)


class Simulation(World):
    """Raises ConfigError when SIM_FAULTS or SIM_LAUNCHES is wrong.

    Who only quotes neither imports nor builds the chain.
    """

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        database.load(SQL / "queries.sql")
        self._database = database
        self._random = Random(config.sim_seed)  # noqa: S311  (draws latencies and faults, no secrets)
        self._faults = Faults(parse(config.sim_faults), self._count, self._random)
        if config.sim_launches:
            from .launch_plan import parse as parse_launches

            parse_launches(config.sim_launches)  # now, as what is wrong is to end the start
        self.launchpad = Launchpad(database, config.sim_launches)
        market = self._market = Market(config.sim_seed)
        dexes: tuple[Dex, ...] = Raydium(market), Meteora(market), Orca(market)
        self._dexes = {dex.name: WithNewPools(dex, market, self.launchpad) for dex in dexes}

    @cached_property
    def venues(self) -> dict[str, Venue]:
        latency = self._config.sim_latency
        return {
            name: SimulatedVenue(
                dex,
                self._market,
                clock=self._clock,
                faults=self._faults,
                latency=latency,
                random=self._random,
                launchpad=self.launchpad,
            )
            for name, dex in self._dexes.items()
        }

    @cached_property
    def chain(self) -> Chain:
        from .chain import SimulatedChain
        from .slots import Slots

        config = self._config
        slots = Slots(config.sim_seed, config.sim_slot_ms, config.sim_blockhash_slots)
        return SimulatedChain(
            self._database,
            self._dexes,
            slots,
            clock=self._clock,
            faults=self._faults,
            latency=config.sim_latency,
            launchpad=self.launchpad,
        )

    @cached_property
    def signer(self) -> Signer:
        from .wallet import Wallet

        return Wallet(self._config.sim_seed, self._config.sim_priority_fee)

    @property
    def launches(self) -> Launches:
        return self.launchpad

    async def close(self) -> None:
        """It has no connections of its own."""

    def _clock(self) -> float:
        """The database's clock, in unix seconds: the world's only one, however many processes share it.

        The statements compare what comes of it with the server's own time. A process that has not connected
        yet uses its own clock.
        """
        return time.time() + self._database.clock_ahead_s

    async def _count(self, rule: str, subject: str, occasion: str | None) -> int:
        named = occasion or uuid.uuid4().hex  # so that a repeated statement is not counted twice
        rows = await self._database.run("count_fault", rule=[rule], subject=[subject], occasion=[named])
        return int(rows[0]["met"])
