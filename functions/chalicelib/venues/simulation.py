"""The simulated world as the settings describe it: two venues, the chain they settle on, and a wallet."""

from __future__ import annotations

import time
from random import Random

from ..adapters.database import Database
from ..config import Config
from .chain import SimulatedChain
from .fault_rules import parse
from .faults import Faults
from .market import Market
from .meteora import Meteora
from .raydium import Raydium
from .simulated import Dex, SimulatedVenue
from .slots import Slots
from .venue import Chain, Signer, Venue
from .wallet import Wallet


def simulation(config: Config, database: Database) -> tuple[dict[str, Venue], Chain, Signer]:
    """`(venues by name, chain, signer)`. Raises ConfigError when SIM_FAULTS is wrong."""

    async def count(rule: str, subject: str, occasion: str | None) -> int:
        met = {"rule": rule, "subject": subject, "occasion": occasion}
        rows = await database.run("count_fault", [met])
        return int(rows[0]["met"])

    seed, latency, clock = config.sim_seed, config.sim_latency, time.time
    random = Random(seed)  # noqa: S311  (draws latencies and faults, no secrets)
    faults = Faults(parse(config.sim_faults), count, random)
    market = Market(seed)
    dexes: dict[str, Dex] = {dex.name: dex for dex in (Raydium(market), Meteora(market))}
    venues: dict[str, Venue] = {
        name: SimulatedVenue(dex, clock=clock, faults=faults, latency=latency, random=random)
        for name, dex in dexes.items()
    }
    slots = Slots(seed, config.sim_slot_ms, config.sim_blockhash_slots)
    chain = SimulatedChain(database, dexes, slots, clock=clock, faults=faults, latency=latency)
    return venues, chain, Wallet(seed)
