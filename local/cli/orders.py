"""The commands of a client: `submit`, `watch`, `orders` and `quote`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from chalicelib.domain.lifecycle import Status

from ..client import EngineClient, OutcomeUnknown, Unreachable, Wire, new_key
from ..terminal import Failure
from . import options
from .view import Life, dump, event_line, orders_view, quote_table, say, screen, short

PAGE = 200
INTERRUPTED, UNKNOWN = 130, 3  # exit codes

Result = TypeVar("Result")


@click.command(cls=options.NegativeNumbers)
@options.terms
@click.option("--key", help="The idempotency key to submit it under; one is made unless given.")
@click.option("--watch", is_flag=True, help="Subscribe to it until it ends; exit 1 if it failed.")
@options.engine
@options.as_json
def submit(terms: Wire, key: str | None, watch: bool, engine: options.Place, as_json: bool) -> None:
    """Submit a market order: sell AMOUNT of TOKEN_IN for TOKEN_OUT. Tokens are symbols or mints.

    It is submitted under an idempotency key, and again under it if the answer does not come, so it is placed
    once. Exits 3 if the answer never comes: then it may have been placed.

    \b
    Example: ./local/run submit SOL USDC 1.5 --slippage-bps 50 --watch
    """
    key = key or new_key()
    answer = run(_submit(engine, terms, key), _may_have_been_placed(engine, terms, key))
    if as_json:
        dump(answer)
    if watch:
        _watch(engine, answer["orderId"], websocket=answer["websocket"], as_json=as_json)
    if not as_json:
        say(f"order {answer['orderId']} is {answer['status']}")
        say(f"subscribe: {_command('watch', answer['orderId'], engine)}")


@click.command()
@click.argument("order_id", metavar="ORDER")
@options.engine
@options.as_json
def watch(order_id: str, engine: options.Place, as_json: bool) -> None:
    """Subscribe to ORDER until it ends; exit 0 if it is confirmed, 1 if it failed.

    \b
    Example: ./local/run watch 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
    """
    _watch(engine, order_id, as_json=as_json)


@click.command()
@click.option(
    "--status", type=click.Choice([str(one) for one in Status]), help="Only those with this status."
)
@click.option("--key", help="Only the one that was submitted under this idempotency key.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@options.engine
@options.as_json
def orders(status: str | None, key: str | None, limit: int, engine: options.Place, as_json: bool) -> None:
    """List orders, newest first.

    \b
    Example: ./local/run orders --status failed --limit 5
    """
    found = run(_newest(engine.url, status, key, limit))
    if as_json:
        dump(found)
    elif not found:
        say("no orders" + (f" with the key {key}" if key else f" are {status}" if status else " yet"))
    else:
        console = screen()
        console.print(orders_view(found, datetime.now(UTC), console.width))


@click.command(cls=options.NegativeNumbers)
@options.terms
@options.engine
@options.as_json
def quote(terms: Wire, engine: options.Place, as_json: bool) -> None:
    """Ask both venues what AMOUNT of TOKEN_IN would bring now; nothing is traded.

    \b
    Example: ./local/run quote SOL USDC 1.5
    """

    async def ask() -> Wire:
        async with EngineClient(engine.url) as client:
            return await client.quote(terms)

    found = run(ask())
    if as_json:
        dump(found)
        return
    say(f"{short(found['amount'])} {found['tokenIn']} → {found['tokenOut']}")
    screen().print(quote_table(found))
    if refusal := found.get("refusal"):
        say(f"an order would fail now: {refusal['error']} ({refusal['code']})")
    else:
        say(f"at least {short(found['minimumOut'])} {found['tokenOut']}, or the attempt fails")


def run(work: Coroutine[Any, Any, Result], interrupted: str = "") -> Result:
    """What `work` gives; on Ctrl-C say `interrupted`, and end with the exit code that shells know it by."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        click.echo(f"\n{interrupted}".rstrip(), err=True)
        raise SystemExit(INTERRUPTED) from None


async def _submit(engine: options.Place, terms: Wire, key: str) -> Wire:
    async with EngineClient(engine.url) as client:
        try:
            return await client.submit(terms, key=key)
        except OutcomeUnknown as error:
            raise Unknown(f"{error}\n{_may_have_been_placed(engine, terms, error.key)}") from error


class Unknown(Failure):
    """An order may have been placed."""

    exit_code = UNKNOWN


def _may_have_been_placed(engine: options.Place, terms: Wire, key: str) -> str:
    named = [f"--{_dashed(name)} {value}" for name, value in terms.items() if name not in _ARGUMENTS]
    again = " ".join(
        ["submit", *(str(terms[name]) for name in _ARGUMENTS), *named, "--key", shlex.quote(key)]
    )
    return (
        f"If it was placed, it has the key {key}:\n"
        f"  look for it   {_command('orders --key', shlex.quote(key), engine)}\n"
        f"  submit again  {_command(again, '', engine)}\n"
        "Under the same key it is placed once, however often it is submitted."
    )


_ARGUMENTS = ("tokenIn", "tokenOut", "amount")


def _dashed(name: str) -> str:
    return "".join(f"-{one.lower()}" if one.isupper() else one for one in name)


def _command(command: str, argument: str, engine: options.Place) -> str:
    return f"./local/run {command} {argument}".rstrip() + engine.hint


def _watch(
    engine: options.Place, order_id: str, *, websocket: str | None = None, as_json: bool = False
) -> None:
    """Print an order's events to its last, and end the command with its exit code."""
    further = f"The order goes on without you. Subscribe again: {_command('watch', order_id, engine)}"

    async def subscribe() -> bool:
        async with EngineClient(engine.url) as client:
            return await print_events(client, order_id, websocket=websocket, as_json=as_json)

    try:
        is_confirmed = run(subscribe(), further)
    except Unreachable as error:
        if websocket is None:
            raise
        raise Unknown(f"{error}\nThe order was placed. {further}") from error
    raise SystemExit(0 if is_confirmed else 1)


async def print_events(
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


async def _newest(url: str, status: str | None, key: str | None, limit: int) -> list[Wire]:
    found: list[Wire] = []
    cursor: str | None = None
    async with EngineClient(url) as client:
        while len(found) < limit:
            page = await client.orders(PAGE if key else min(PAGE, limit - len(found)), status, cursor)
            found += [order for order in page["orders"] if key in (None, order.get("clientOrderId"))]
            cursor = page["next"]
            if cursor is None or (key and found):
                break
    return found
