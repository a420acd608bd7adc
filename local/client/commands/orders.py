"""The commands of a client: `submit`, `watch`, `orders`, `quote` and `tokens`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import click
from rich.text import Text

from .. import AsyncEngineClient, OutcomeUnknown, Unreachable, new_key, wire
from ..async_client import OrderFilter
from . import options
from .terminal import Failure
from .view import (
    EVENT_INDENT,
    TIME_WIDTH,
    Hanging,
    Json,
    Life,
    Wire,
    dump,
    event_line,
    fill_lines,
    legs_line,
    orders_view,
    price_asked,
    price_unit,
    quote_table,
    say,
    screen,
    short,
    token_name,
    tokens_view,
)

PAGE = 200
INTERRUPTED, UNKNOWN = 130, 3  # exit codes

Result = TypeVar("Result")


@click.command(cls=options.NegativeNumbers)
@options.terms
@options.conditions
@options.venues
@click.option(
    "--quote", "quote_id", metavar="ID", help="A quote that it gets no less than, as `quote` shows it."
)
@click.option("--key", help="The idempotency key to submit it under; one is made unless given.")
@click.option("--watch", is_flag=True, help="Subscribe to it until it ends; exit 1 unless it is confirmed.")
@options.engine
@options.as_json
def submit(
    terms: Json, quote_id: str | None, key: str | None, watch: bool, engine: options.Place, as_json: bool
) -> None:
    """Submit an order: sell AMOUNT of TOKEN_IN for TOKEN_OUT. Tokens are symbols or mints.

    It is a market order, executed at once, unless it has a price to wait for. Then it rests (`open`) until
    its whole amount gets that price, after fees and price impact: a --limit waits for a better price and is
    never filled below it, a --stop sells once the price has fallen so far, at what the market then gives.
    A price is the TOKEN_OUT that one TOKEN_IN brings.

    A --snipe buys a token that is not traded yet, named by its mint, once a pool of it opens. Its price is
    the most TOKEN_IN that one TOKEN_OUT may cost, and it is never filled above it.

    It is submitted under an idempotency key, and again under it if the answer does not come, so it is placed
    once. Exits 3 if the answer never comes: then it may have been placed.

    \b
    Example: order-engine submit SOL USDC 1.5 --slippage-bps 50 --watch
             order-engine submit SOL USDC 1.5 --limit 160 --expires 2h
             order-engine submit SOL USDC 1.5 --stop 140 --floor 205
             order-engine submit USDC SOL 200 --dex raydium
             order-engine submit SOL MINT 1 --snipe 0.001 --min-liquidity 100
    """
    key = key or new_key()
    terms |= {"quoteId": quote_id} if quote_id else {}
    answer = run(_submit(engine, terms, key), lambda: _may_have_been_placed(engine, terms, key))
    if as_json:
        dump(answer)
    if watch:
        _watch(engine, answer["orderId"], websocket=answer["websocket"], as_json=as_json)
    if not as_json:
        is_open = answer["status"] == wire.OPEN
        waits = f": it waits for {price_asked(terms)} {price_unit(terms)}" if is_open else ""
        say(f"order {answer['orderId']} is {answer['status']}{waits}")
        say(f"subscribe: {engine.command('watch ' + answer['orderId'])}")
        if is_open:
            say(f"cancel:    {engine.command('cancel ' + answer['orderId'])}")


@click.command()
@click.argument("order_id", metavar="ORDER")
@options.engine
@options.as_json
def watch(order_id: str, engine: options.Place, as_json: bool) -> None:
    """Subscribe to ORDER until it ends; exit 0 if it is confirmed, 1 if it failed, expired or was cancelled.

    An order that rests is waited for. Ctrl-C ends the command only, not the order.

    \b
    Example: order-engine watch 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
    """
    _watch(engine, order_id, as_json=as_json)


@click.command()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(wire.STATUSES),
    help="Only those with this status; may be given again.",
)
@options.filters(wire.ORDER_TYPES)
@click.option("--key", help="Only the one that was submitted under this idempotency key.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@options.engine
@options.as_json
def orders(
    statuses: tuple[str, ...], only: Wire, key: str | None, limit: int, engine: options.Place, as_json: bool
) -> None:
    """List orders, newest first.

    \b
    Example: order-engine orders --status failed --limit 5
             order-engine orders --status cancelled --status expired
             order-engine orders --type limit --sells SOL --from 2h
    """
    found = run(newest(engine.url, limit, statuses, key=key, only=only))
    if as_json:
        dump(found)
    elif not found:
        say(
            "no orders"
            + (f" with the key {key}" if key else f" are {' or '.join(statuses)}" if statuses else "")
            + (" of these" if only else "" if key or statuses else " yet")
        )
    else:
        console = screen()
        console.print(orders_view(found, datetime.now(UTC), console.width))


@click.command(cls=options.NegativeNumbers)
@options.terms
@options.venues
@options.engine
@options.as_json
def quote(terms: Wire, engine: options.Place, as_json: bool) -> None:
    """Ask every venue what AMOUNT of TOKEN_IN would bring now; nothing is traded.

    \b
    Example: order-engine quote SOL USDC 1.5
             order-engine quote SOL USDC 1.5 --dex raydium --dex orca
    """

    async def ask() -> Wire:
        async with AsyncEngineClient(engine.url) as client:
            return await client.quote(terms)

    found = run(ask())
    if as_json:
        dump(found)
        return
    token_out = token_name(found["tokenOut"])
    say(f"{short(found['amount'])} {token_name(found['tokenIn'])} → {token_out}")
    screen().print(quote_table(found))
    if legs := legs_line(found):
        say(f"divided: {legs} give {short(found['amountOut'])} {token_out}")
    if refusal := found.get("refusal"):
        say(f"an order would fail now: {refusal['error']} ({refusal['code']})")
    else:
        say(f"at least {short(found['minimumOut'])} {token_out}, or the attempt fails")
        again = shlex.join(["submit", *options.typed_again(terms), "--quote", found["quoteId"]])
        say(f"to be sure of that, by {found['expiresAt']}: {engine.command(again)}")


@click.command()
@options.engine
@options.as_json
def tokens(engine: options.Place, as_json: bool) -> None:
    """List the tokens that are traded: symbol, decimals, mint.

    \b
    Example: order-engine tokens
    """

    async def ask() -> Sequence[Wire]:
        async with AsyncEngineClient(engine.url) as client:
            return await client.tokens()

    found = run(ask())
    if as_json:
        dump(found)
    else:
        console = screen()
        console.print(tokens_view(found, console.width))


def run(work: Coroutine[Any, Any, Result], interrupted: Callable[[], str] = str) -> Result:
    """What `work` gives; on Ctrl-C say `interrupted`, and end with the exit code that shells know it by."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        click.echo(f"\n{interrupted()}".rstrip(), err=True)
        raise SystemExit(INTERRUPTED) from None


async def _submit(engine: options.Place, terms: Wire, key: str) -> Wire:
    async with AsyncEngineClient(engine.url) as client:
        try:
            return await client.submit(terms, key=key)
        except OutcomeUnknown as error:
            raise Unknown(f"{error}\n{_may_have_been_placed(engine, terms, error.key)}") from error


class Unknown(Failure):
    """An order may have been placed."""

    exit_code = UNKNOWN


def _may_have_been_placed(engine: options.Place, terms: Wire, key: str) -> str:
    again = shlex.join(["submit", *options.typed_again(terms), "--key", key])
    return (
        f"If it was placed, it has the key {key}:\n"
        f"  look for it   {engine.command('orders --key ' + shlex.quote(key))}\n"
        f"  submit again  {engine.command(again)}\n"
        "Under the same key it is placed once, however often it is submitted."
    )


def _watch(
    engine: options.Place, order_id: str, *, websocket: str | None = None, as_json: bool = False
) -> None:
    """Print an order's events to its last, and end the command with its exit code."""
    life = Life(order_id)

    def further() -> str:
        again = f"Subscribe again: {engine.command('watch ' + order_id)}"
        if life.status != wire.OPEN:
            return f"The order goes on without you. {again}"
        return f"The order stays open. {again}\nCancel it:       {engine.command('cancel ' + order_id)}"

    async def subscribe() -> None:
        async with AsyncEngineClient(engine.url) as client:
            await _print_events(client, life, websocket=websocket, as_json=as_json)

    try:
        run(subscribe(), further)
    except Unreachable as error:
        if websocket is None:
            raise
        raise Unknown(f"{error}\nThe order was placed. {further()}") from error
    raise SystemExit(0 if life.status == wire.CONFIRMED else 1)


async def _print_events(
    client: AsyncEngineClient, life: Life, *, websocket: str | None, as_json: bool
) -> None:
    """Print the order's events as they come, to its last."""
    console = screen()
    whole = not console.is_terminal  # a line of a file is not divided
    async with aclosing(client.follow(life.order_id, websocket=websocket)) as events:
        async for event in events:
            life.take(event)
            if as_json:
                dump(event)
                continue
            if not life.events[1:]:
                console.print(f"order {life.order_id}")
            console.print(Hanging(event_line(event, life), EVENT_INDENT), soft_wrap=whole)
            for line in fill_lines(event, life):
                below = Text(f"{' ' * TIME_WIDTH}{line}", "dim")
                console.print(Hanging(below, TIME_WIDTH), soft_wrap=whole)


async def newest(
    url: str, limit: int, statuses: Sequence[str] = (), *, key: str | None = None, only: Wire | None = None
) -> list[Wire]:
    """The newest orders, of these statuses and filters, or the one of this idempotency key."""
    found: list[Wire] = []
    cursor: str | None = None
    wanted = cast(OrderFilter, {"status": statuses, **(only or {})})
    async with AsyncEngineClient(url) as client:
        while len(found) < limit:
            size = PAGE if key else min(PAGE, limit - len(found))
            page = await client.orders(limit=size, cursor=cursor, **wanted)
            found += [order for order in page["orders"] if key in (None, order.get("clientOrderId"))]
            cursor = page["next"]
            if cursor is None or (key and found):
                break
    return found
