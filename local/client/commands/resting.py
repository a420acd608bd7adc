"""The commands for orders that wait: `open` lists them beside the market, `cancel` ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import click

from .. import AsyncEngineClient, Refused, wire
from . import options
from .orders import newest, run
from .terminal import counted
from .view import Json, Wire, dump, resting_view, say, screen

NOT_DONE = 2  # exit code
QUOTES_AT_ONCE = 10
RESTING = [*wire.PRICE_FIELDS]


class Pair(click.ParamType[tuple[str, str]]):
    """`SOL/USDC`: what is sold, and for what."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The two tokens."""
        token_in, _, token_out = value.partition("/")
        if not token_in or not token_out:
            return self.fail(f"{value!r} is not like SOL/USDC.", param, ctx)
        return options.symbol(token_in), options.symbol(token_out)


@click.command("open")
@options.filters(RESTING)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@options.engine
@options.as_json
def open_(only: Wire, limit: int, engine: options.Place, as_json: bool) -> None:
    """List the orders that rest, newest first: the price each asks, the price now, and how far it is.

    The price now is what the order's own amount would get at the venues that it may trade at. It is `there`
    where the order may fire; an order that would move the price too far stays open all the same.

    \b
    Example: order-engine open
             order-engine open --type stop --sells SOL --buys USDC
    """
    found = run(_resting(engine.url, limit, only))
    if as_json:
        dump(found)
    elif not found and only:
        say("no orders of these rest")
    elif not found:
        say(f"no orders rest; place one: {engine.command('submit SOL USDC 1.5 --limit 160')}")
    else:
        console = screen()
        console.print(resting_view(found, datetime.now(UTC), console.width))


@click.command()
@click.argument("orders", metavar="[ORDER]...", nargs=-1)
@click.option(
    "--all", "all_", is_flag=True, help="All that rest of those submitted from here, without asking."
)
@click.option("--pair", type=Pair(), help="With --all: only those that sell the one for the other: SOL/USDC.")
@click.option("--type", type=click.Choice(RESTING), help="With --all: only those of this type.")
@options.engine
@options.as_json
def cancel(
    orders: tuple[str, ...],
    all_: bool,
    pair: tuple[str, str] | None,
    type: str | None,
    engine: options.Place,
    as_json: bool,
) -> None:
    """Cancel each ORDER, or all that rest.

    An order can be cancelled while it is open or pending. Once a worker has taken it, it can't be: exits 2 if
    any order is left, and says where it is. To cancel an order twice is the same as once.

    \b
    Examples: order-engine cancel 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
              order-engine cancel --all --pair SOL/USDC --type limit
    """
    if bool(orders) is all_:
        raise click.UsageError("Name orders, or say --all.")
    if (pair or type) and not all_:
        raise click.UsageError("--pair and --type choose among --all.")
    if all_:
        cancelled = run(_cancel_all(engine.url, pair, type))
        results: list[Wire] = [{"orderId": order_id, "status": wire.CANCELLED} for order_id in cancelled]
    else:
        results = run(_cancel(engine.url, orders))
    if as_json:
        dump(results)
    else:
        _say_what_became_of(results, counts=all_)
    raise SystemExit(NOT_DONE if any("error" in result for result in results) else 0)


def _say_what_became_of(results: Sequence[Wire], *, counts: bool) -> None:
    for result in results:
        if "error" in result:
            click.echo(f"error: {result['orderId']}: {result['error']}", err=True)
        else:
            say(f"order {result['orderId']} is {result['status']}")
    if counts:
        say(f"{counted(len(results), 'order')} cancelled")


async def _cancel(url: str, order_ids: Sequence[str]) -> list[Wire]:
    """For each order `{orderId, status}`, with `error` and `code` if it is not cancelled."""

    async def one(client: AsyncEngineClient, order_id: str) -> Wire:
        try:
            order = await client.cancel(order_id)
        except Refused as refusal:
            return {"orderId": order_id, **refusal.answer}
        return {"orderId": order["orderId"], "status": order["status"]}

    async with AsyncEngineClient(url) as client:
        return [await one(client, order_id) for order_id in dict.fromkeys(order_ids)]


async def _cancel_all(url: str, pair: tuple[str, str] | None, type: str | None) -> list[str]:
    token_in, token_out = pair or (None, None)
    async with AsyncEngineClient(url) as client:
        return await client.cancel_all(token_in=token_in, token_out=token_out, type=type)


async def _resting(url: str, limit: int, only: Wire) -> list[Json]:
    """Resting orders, each with `priceNow`, `awayBps` and `isThere`; the first two None without a quote."""
    orders = await newest(url, limit, [wire.OPEN], only=only)
    sizes = {_size(order) for order in orders}
    places = asyncio.Semaphore(QUOTES_AT_ONCE)

    async with AsyncEngineClient(url) as client:

        async def ask(size: tuple[str, ...]) -> Wire:
            async with places:
                try:
                    terms = dict(zip(("tokenIn", "tokenOut", "amount"), size, strict=True))
                    quotes: Wire = (await client.quote(terms))["quotes"]
                except Refused:
                    return {}
                return quotes

        answers = dict(zip(sizes, await asyncio.gather(*map(ask, sizes)), strict=True))
    return [{**order, **_distance(order, answers[_size(order)])} for order in orders]


def _size(order: Wire) -> tuple[str, ...]:
    return order["tokenIn"], order["tokenOut"], order["amount"]


def _distance(order: Wire, quotes: Wire) -> Json:
    """The best price of the venues that the order may trade at, and how far it is from the price asked."""
    usable = [quote for dex, quote in quotes.items() if dex in order.get("dexes", quotes)]
    prices = [Decimal(quote["price"]) for quote in usable if "price" in quote]
    if not prices:
        return {"priceNow": None, "awayBps": None, "isThere": False}
    now, is_limit = max(prices), order["type"] == wire.LIMIT
    if order["type"] == wire.SNIPER:  # whose price is what each token bought costs
        received = max(Decimal(quote["amountOut"]) for quote in usable if "amountOut" in quote)
        now = Context(prec=12).divide(Decimal(order["amount"]), received)
    asked = Decimal(order[wire.PRICE_FIELDS[order["type"]]])
    return {
        "priceNow": f"{now:f}",
        "awayBps": round((asked - now) / now * 10_000),
        "isThere": now >= asked if is_limit else now <= asked,
    }
