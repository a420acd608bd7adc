"""`python -m tests.faults --rounds 20 --seed 1 [--orders 200] [--world solana]`: the faults and their table.

Round n has the seed `seed + n - 1`, so `--rounds 1 --seed S` does a single one again. Exits 1 if anything was
lost, doubled, stuck, or otherwise not as promised.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.faults import table
from tests.faults.plan import draw
from tests.faults.round import Outcome, Progress, Round
from tests.faults.world import ACCOUNTS, SOLANA, SOLANA_TARGETS, TARGETS, World


def main() -> None:
    """Run the rounds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=200, help="per round")
    parser.add_argument("--world", choices=("simulated", "solana"), default="simulated")
    parser.add_argument("--log", action="store_true", help="print the engine's log at the end")
    asked = parser.parse_args()
    settings, targets = (SOLANA, SOLANA_TARGETS) if asked.world == "solana" else ({}, TARGETS)
    with World(*ACCOUNTS, **settings) as world:
        outcomes = asyncio.run(_run(world, asked.rounds, asked.seed, asked.orders, targets))
        if asked.log:
            print(world.log)
    print(table.total(outcomes))
    sys.exit(0 if all(outcome.verdict.is_good for outcome in outcomes) else 1)


async def _run(world: World, rounds: int, seed: int, orders: int, targets: Sequence[str]) -> list[Outcome]:
    print(table.header())
    outcomes = []
    for number in range(1, rounds + 1):

        def draw_bar(progress: Progress, number: int = number) -> None:
            if sys.stdout.isatty():
                print(f"\r\x1b[2K{table.bar(number, rounds, progress)}", end="", flush=True)

        outcome = await Round(world, draw(seed + number - 1, orders, targets), draw_bar).run()
        outcomes.append(outcome)
        start_of_line = "\r\x1b[2K" if sys.stdout.isatty() else ""
        print(f"{start_of_line}{table.row(number, outcome)}", flush=True)
        for sentence in outcome.verdict.wrong:
            print(f"       WRONG: {sentence}")
    return outcomes


if __name__ == "__main__":
    main()
