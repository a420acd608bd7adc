"""The commands of a client: `submit`, `watch`, `orders` and `quote`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import click
from chalicelib.domain.lifecycle import Status

from ..client import EngineClient
from . import options
from .view import Life, dump, event_line, orders_table, quote_table, say, screen, short

PAGE = 200


@click.command()
@click.argument("token_in")
@click.argument("token_out")
@click.argument("amount")
@options.slippage
@click.option("--watch", is_flag=True, help="Subscribe to it until it ends; exit 1 if it failed.")
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
                say(f"subscribe: ./local/run watch {answer['orderId']}{options.url_hint(url)}")
            if not watch:
                return True
            return await subscribe(client, answer["orderId"], websocket=answer["websocket"], as_json=as_json)

    raise SystemExit(0 if asyncio.run(run()) else 1)


@click.command()
@click.argument("order_id", metavar="ORDER")
@options.engine_url
@options.as_json
def watch(order_id: str, url: str, as_json: bool) -> None:
    """Subscribe to ORDER until it ends; exit 0 if it is confirmed, 1 if it failed.

    \b
    Example: ./local/run watch 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
    """

    async def run() -> bool:
        async with EngineClient(url) as client:
            return await subscribe(client, order_id, as_json=as_json)

    raise SystemExit(0 if asyncio.run(run()) else 1)


@click.command()
@click.option(
    "--status", type=click.Choice([str(one) for one in Status]), help="Only those with this status."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@options.engine_url
@options.as_json
def orders(status: str | None, limit: int, url: str, as_json: bool) -> None:
    """List orders, newest first.

    \b
    Example: ./local/run orders --status failed --limit 5
    """
    found = asyncio.run(_newest(url, status, limit))
    if as_json:
        dump(found)
    elif not found:
        say("no orders" + (f" are {status}" if status else " yet"))
    else:
        screen().print(orders_table(found, datetime.now(UTC)))


async def _newest(url: str, status: str | None, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    async with EngineClient(url) as client:
        while len(found) < limit:
            page = await client.orders(min(PAGE, limit - len(found)), status, cursor)
            found += page["orders"]
            cursor = page["next"]
            if cursor is None:
                break
    return found


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


async def subscribe(
    client: EngineClient, order_id: str, *, websocket: str | None = None, as_json: bool = False
) -> bool:
    """Print the order's events as they come; whether it is confirmed."""
    life, console = Life(order_id), screen()
    async for event in client.follow(order_id, websocket=websocket):
        life.take(event)
        if as_json:
            dump(event)
        else:
            if not life.events[1:]:
                console.print(f"order {order_id}")
            console.print(event_line(event, life), soft_wrap=True)
    return life.status == Status.CONFIRMED
