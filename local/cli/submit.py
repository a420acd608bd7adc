"""`submit`: one order over HTTP, and its life if it is to be followed."""

from __future__ import annotations

import asyncio

import click

from ..client import EngineClient
from . import options
from .following import follow
from .output import dump, say


@click.command()
@click.argument("token_in")
@click.argument("token_out")
@click.argument("amount")
@options.slippage
@click.option("--watch", is_flag=True, help="Follow it to its end; exit 1 if it failed.")
@options.engine_url
@options.as_json
def submit(
    token_in: str,
    token_out: str,
    amount: str,
    slippage_bps: int | None,
    watch: bool,
    url: str,
    as_json: bool,
) -> None:
    """Submit a market order: sell AMOUNT of TOKEN_IN for TOKEN_OUT. Tokens are symbols or mints.

    \b
    Example: ./local/run submit SOL USDC 1.5 --slippage-bps 50 --watch
    """

    async def run() -> bool:
        async with EngineClient(url) as client:
            answer = await client.submit(token_in, token_out, amount, slippage_bps)
            if as_json:
                dump(answer)
            elif not watch:
                say(f"order {answer['orderId']} is {answer['status']}")
                say(f"follow it: ./local/run watch {answer['orderId']}{options.url_hint(url)}")
            if not watch:
                return True
            return await follow(client, answer["orderId"], websocket=answer["websocket"], as_json=as_json)

    raise SystemExit(0 if asyncio.run(run()) else 1)
