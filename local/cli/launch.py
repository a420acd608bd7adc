"""`launch`: a new token in the simulated market, which every process of a running engine sees.

command → operating(state): a Runtime → simulation/launchpad.py → `sim.launches`
"""

from __future__ import annotations

import asyncio
from datetime import UTC
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
from chalicelib.api.wire.events import timestamp
from chalicelib.domain.tokens import HUBS
from chalicelib.simulation.launch_plan import MAX_DECIMALS, LaunchError, Plan, delay_ms
from chalicelib.simulation.launchpad import NewPool
from chalicelib.simulation.market import NOISE
from chalicelib.simulation.world import Simulation

from ..client.commands import options
from ..client.commands.terminal import NotDone
from ..client.commands.view import date_and_time, dump, say, short
from . import machine
from .operating import operating

AGAINST = {token.symbol: token for token in HUBS}


class Delay(click.ParamType[int]):
    """How long from now, as `5s`; in ms."""

    name = "delay"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`5s` → 5000."""
        try:
            return delay_ms(value)
        except ValueError:
            return self.fail(f"{value!r} is not like 5s, 500ms, 10m or 2h.", param, ctx)


class Amount(click.ParamType[Decimal]):
    """An exact decimal number."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        return number if number.is_finite() else self.fail(f"{value!r} is not a number.", param, ctx)


@click.command()
@click.argument("symbol")
@click.option("--price", type=Amount(), required=True, help="What each costs when the pool opens.")
@click.option("--liquidity", type=Amount(), required=True, help="How much of --against the pool holds then.")
@click.option(
    "--against", type=click.Choice([*AGAINST]), default="SOL", show_default=True, help="What it costs."
)
@click.option(
    "--in",
    "opens_in_ms",
    type=Delay(),
    default="0s",
    metavar="DELAY",
    help="When the pool opens.  [default: now]",
)
@click.option(
    "--decimals",
    type=click.IntRange(0, MAX_DECIMALS),
    default=6,
    show_default=True,
    help="Those of the token.",
)
@click.option(
    "--dex", type=click.Choice([*NOISE]), default="raydium", show_default=True, help="Where the pool is."
)
@click.option("--mint", default="", help="The token's mint; unless chosen, it follows from SYMBOL.")
@machine.state
@options.as_json
def launch(
    symbol: str,
    price: Decimal,
    liquidity: Decimal,
    against: str,
    opens_in_ms: int,
    decimals: int,
    dex: str,
    mint: str,
    state: Path,
    as_json: bool,
) -> None:
    """Launch a new token SYMBOL in the simulated market, and print its mint.

    Its pool is announced now, and trades from when it opens. To launch the same once more changes nothing:
    the detector reports it again, as real ones do.

    \b
    Example: ./local/run launch WIF --price 0.001 --liquidity 100 --in 30s
    """
    plan = Plan(symbol, price, liquidity, decimals, dex, AGAINST[against], opens_in_ms, mint)
    try:
        pool = asyncio.run(_launch(state, plan))
    except LaunchError as error:
        raise NotDone(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    if pool is None:
        raise NotDone(
            f"{symbol} has a pool at {dex} already, with other terms. Choose another symbol, --dex or --mint."
        )
    if as_json:
        dump(_shown(pool))
        return
    opens_at = date_and_time(timestamp(pool.opens_at.astimezone(UTC)))
    say(f"{symbol} is {pool.token.mint}")
    say(f"its pool at {dex} holds {short(f'{liquidity:f}')} {against}, and opens at {opens_at}")
    say(f"snipe it: ./local/run submit {against} {pool.token.mint} 1 --snipe {price:f}")


async def _launch(state: Path, plan: Plan) -> NewPool | None:
    async with operating(state) as engine:
        world = engine.world
        if not isinstance(world, Simulation):
            raise NotDone("Only the simulated world launches tokens by command.")
        return await world.launchpad.launch(plan)


def _shown(pool: NewPool) -> dict[str, object]:
    return {
        "symbol": pool.symbol,
        "mint": pool.token.mint,
        "decimals": pool.token.decimals,
        "dex": pool.venue,
        "pool": pool.address,
        "against": pool.against.symbol,
        "liquidity": pool.against.text(pool.liquidity),
        "opensAt": timestamp(pool.opens_at),
    }
