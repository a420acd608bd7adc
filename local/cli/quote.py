"""`quote`: what both venues would give, and which one an order would go to."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from ..client import EngineClient
from . import options
from .life import short
from .output import dump, say, screen
from .view import quote_table


@click.command()
@click.argument("token_in")
@click.argument("token_out")
@click.argument("amount")
@options.slippage
@options.engine_url
@options.as_json
def quote(
    token_in: str, token_out: str, amount: str, slippage_bps: int | None, url: str, as_json: bool
) -> None:
    """Ask both venues what AMOUNT of TOKEN_IN would bring now; nothing is traded.

    \b
    Example: ./local/run quote SOL USDC 1.5
    """

    async def ask() -> dict[str, Any]:
        async with EngineClient(url) as client:
            return await client.quote(token_in, token_out, amount, slippage_bps)

    found = asyncio.run(ask())
    if as_json:
        dump(found)
    else:
        say(f"{short(found['amount'])} {found['tokenIn']} → {found['tokenOut']}")
        screen().print(quote_table(found))
        say(f"at least {short(found['minimumOut'])} {found['tokenOut']}, or the attempt fails")
