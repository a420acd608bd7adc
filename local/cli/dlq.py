"""`dlq`: list, show, redrive and delete dead letters, with a Runtime of its own beside a running engine.

command → operating(state): a Runtime → services/redrive.py → dlq_view → the terminal

Which engine it is, the environment says, or --state: see `operating.py`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from chalicelib.api.wire import requests
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.order import Order
from chalicelib.ports.queue import DeadLetter
from chalicelib.runtime import Runtime
from chalicelib.services.redrive import Tally

from ..client import ClientError
from ..client.commands import options
from ..client.commands.terminal import counted
from ..client.commands.view import Wire, dump, say, screen
from . import machine
from .dlq_view import (
    detail,
    no_order_view,
    orders_view,
    print_detail,
    printable,
    progress,
    row,
    summary,
    tally_row,
)
from .operating import operating

LEFT = 1  # exit code

HELP = """The dead-letter queue: orders that failed for good, and messages without an order.

An order that failed has a dead letter here, and stays failed until an operator acts: mend what was
wrong, then redrive it. It starts a new set of attempts, under its own id; its events continue where they
ended, and show it. Its dead letter is deleted.

\b
    ./local/run dlq list                    what is there, and why
    ./local/run dlq show ORDER              one of them, with its order's whole life
    ./local/run dlq redrive ORDER ORDER     new attempts for these orders
    ./local/run dlq redrive --all           for all of them
    ./local/run dlq delete MESSAGE          delete a message without an order

It can be interrupted, repeated and run twice at once: an order is redriven only while it is failed.

It finds the engine that runs on this machine. For one elsewhere, say where its servers are with DATABASE_URL,
REDIS_URL, ORDERS_QUEUE_URL and ORDERS_DLQ_URL; AWS credentials are found where AWS's own tools find them.

\b
Exit codes: 0 done   1 something is left   2 not done
"""


def _order_ids(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    try:
        return frozenset(map(requests.order_id, given))
    except InvalidRequest as error:
        raise click.BadParameter(str(error)) from None


@click.group(help=HELP)
def dlq() -> None:
    """The group."""


@dlq.command("list")
@machine.state
@options.as_json
def list_(state: Path, as_json: bool) -> None:
    """List the dead letters without taking anything from them.

    \b
    Example: ./local/run dlq list
    """
    found = asyncio.run(rows(state, quiet=as_json))
    if as_json:
        dump(found)
        return
    if not found:
        say("the dead-letter queue is empty")
    console = screen()
    for title, view, has_order in (
        ("orders", orders_view, True),
        ("messages without an order", no_order_view, False),
    ):
        chosen = [one for one in found if (one["poison"] is None) is has_order]
        if chosen:
            say(f"{title}: {len(chosen)}")
            console.print(view(chosen, console.width))


@dlq.command()
@click.argument("wanted", metavar="MESSAGE_OR_ORDER")
@machine.state
@options.as_json
def show(wanted: str, state: Path, as_json: bool) -> None:
    """Show the dead letters of an order, or one of them, in full: its body, and its order's whole life.

    \b
    Example: ./local/run dlq show 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
    """
    for found in asyncio.run(details(state, wanted.lower(), quiet=as_json)):
        if as_json:
            dump(found)
        else:
            print_detail(found)


@dlq.command()
@click.argument("orders", metavar="[ORDER]...", nargs=-1, callback=_order_ids)
@click.option("--all", "all_", is_flag=True, help="All of them, without asking.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@machine.state
@options.as_json
def redrive(orders: frozenset[str], all_: bool, yes: bool, state: Path, as_json: bool) -> None:
    """Give failed orders a new set of attempts, and delete their dead letters.

    Without ORDER it is all of them, after a question. An order that is confirmed by now, or still alive, is
    left as it is, and only its dead letters are deleted. Messages without an order stay. Exits 1 if anything
    is left.

    \b
    Examples: ./local/run dlq redrive 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
              ./local/run dlq redrive --all
    """
    if orders and all_:
        raise click.UsageError("Name orders, or say --all.")
    asks = not (orders or all_ or yes)
    if asks and not sys.stdin.isatty():
        raise click.UsageError("This would redrive every dead letter: say --all, or name the orders.")
    tally = asyncio.run(redrive_orders(state, orders, asks=asks, quiet=as_json))
    if as_json:
        dump(tally_row(tally))
    else:
        say(summary(tally))
    raise SystemExit(0 if tally.is_clean else LEFT)


@dlq.command()
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@machine.state
@options.as_json
def delete(messages: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Delete dead letters by their own ids. Meant for messages without an order; an order stays failed.

    \b
    Example: ./local/run dlq delete 0b0d2f7c-93e8-4b0c-8f0a-5a1d3c9e7e55
    """
    found = asyncio.run(delete_dead_letters(state, messages))
    missing = sorted({*messages} - {letter.message_id for letter in found})
    if as_json:
        dump({"deleted": [letter.message_id for letter in found], "missing": missing})
    else:
        for letter in found:
            say(f"deleted {letter.message_id}: {printable(letter.body)}")
        for message_id in missing:
            say(f"there is no dead letter {message_id}")
    raise SystemExit(LEFT if missing else 0)


async def rows(state: Path, *, quiet: bool) -> list[Wire]:
    """Every dead letter with its order."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        orders = await asyncio.gather(*(_order(engine, letter) for letter in letters))
        return [row(letter, order) for letter, order in zip(letters, orders, strict=True)]


async def details(state: Path, wanted: str, *, quiet: bool) -> list[Wire]:
    """The dead letters that have the id `wanted`, or whose order has it, each with its order's life."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        found = [letter for letter in letters if wanted in (letter.message_id.lower(), letter.order_id)]
        if not found:
            raise ClientError(f"No dead letter has the id {wanted!r}, or names an order that has.")
        return [
            detail(
                letter,
                await _order(engine, letter),
                await engine.store.events(letter.order_id) if letter.order_id else [],
            )
            for letter in found
        ]


async def redrive_orders(state: Path, orders: frozenset[str], *, asks: bool, quiet: bool) -> Tally:
    """Redrive these orders, or all. Raises ClientError if the question is answered with no."""
    async with operating(state) as engine:
        count = await _count(engine)
        if asks and count and not click.confirm(f"Redrive {counted(count, 'dead letter')}?", err=True):
            raise ClientError("Nothing was done.")
        with progress("redriving", count, quiet=quiet) as met:
            return await engine.redrive.run(LOCAL, orders, lambda tally: met(tally.read))


async def delete_dead_letters(state: Path, messages: tuple[str, ...]) -> list[DeadLetter]:
    """Delete dead letters by their ids; those that were found."""
    async with operating(state) as engine:
        return await engine.redrive.delete(LOCAL, {*messages})


async def _read(engine: Runtime, *, quiet: bool) -> list[DeadLetter]:
    with progress("reading", await _count(engine), quiet=quiet) as met:
        return await engine.redrive.read(LOCAL, met)


async def _order(engine: Runtime, letter: DeadLetter) -> Order | None:
    return await engine.store.order(letter.order_id) if letter.order_id else None


async def _count(engine: Runtime) -> int:
    return (await engine.dead_letters.summary()).count
