"""`dlq`: the dead letters, looked at, redriven and deleted.

dlq → dlq_work → services/redrive.py, and the result → dlq_view → the terminal
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from chalicelib.api.wire import requests
from chalicelib.domain.errors import InvalidRequest

from . import options
from .dlq_view import orders_table, poison_table, print_detail, printable, summary, tally_row
from .dlq_work import delete_letters, details, redrive_letters, rows
from .view import dump, say, screen

LEFT = 1  # exit code

HELP = """Orders that failed for good, and messages that no order can be made of: the dead-letter queue.

An order that failed has a letter here, and stays failed until an operator acts: mend what was
wrong, then redrive it. It starts a new set of attempts, under its own id; its events go on where they ended,
and say so. The letter goes with it.

\b
    ./local/run dlq list                    what is there, and why
    ./local/run dlq show ORDER              one of them, with its order's whole life
    ./local/run dlq redrive ORDER ORDER     new attempts for these orders
    ./local/run dlq redrive --all           for all of them
    ./local/run dlq delete MESSAGE          away with a message that names no order

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
@options.state
@options.as_json
def list_(state: Path, as_json: bool) -> None:
    """List the dead letters without taking anything from them.

    \b
    Example: ./local/run dlq list
    """
    letters = asyncio.run(rows(state, quiet=as_json))
    if as_json:
        dump(letters)
        return
    if not letters:
        say("the dead-letter queue is empty")
    for title, table, is_poison in (
        ("orders", orders_table, False),
        ("poison, of which no order can be made", poison_table, True),
    ):
        found = [letter for letter in letters if bool(letter["poison"]) is is_poison]
        if found:
            say(f"{title}: {len(found)}")
            screen().print(table(found))


@dlq.command()
@click.argument("wanted", metavar="MESSAGE_OR_ORDER")
@options.state
@options.as_json
def show(wanted: str, state: Path, as_json: bool) -> None:
    """Show the letters of an order, or one letter, in full: what it says, and its order's whole life.

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
@options.state
@options.as_json
def redrive(orders: frozenset[str], all_: bool, yes: bool, state: Path, as_json: bool) -> None:
    """Give failed orders a new set of attempts, and delete their letters.

    Without ORDER it is all of them, after a question. An order that is confirmed by now, or still alive, is
    left as it is, and only its letters go. Poison stays. Exits 1 if anything is left.

    \b
    Examples: ./local/run dlq redrive 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
              ./local/run dlq redrive --all
    """
    if orders and all_:
        raise click.UsageError("Name orders, or say --all.")
    asks = not (orders or all_ or yes)
    if asks and not sys.stdin.isatty():
        raise click.UsageError("This would redrive every dead letter: say --all, or name the orders.")
    tally = asyncio.run(redrive_letters(state, orders, asks=asks, quiet=as_json))
    if as_json:
        dump(tally_row(tally))
    else:
        say(summary(tally))
    raise SystemExit(0 if tally.is_clean else LEFT)


@dlq.command()
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@options.state
@options.as_json
def delete(messages: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Delete letters by their own ids. Meant for poison; an order whose letter goes stays failed.

    \b
    Example: ./local/run dlq delete 0b0d2f7c-93e8-4b0c-8f0a-5a1d3c9e7e55
    """

    found = asyncio.run(delete_letters(state, messages))
    missing = sorted({*messages} - {letter.message_id for letter in found})
    if as_json:
        dump({"deleted": [letter.message_id for letter in found], "missing": missing})
    else:
        for letter in found:
            say(f"deleted {letter.message_id}: {printable(letter.body)}")
        for message_id in missing:
            say(f"there is no dead letter {message_id}")
    raise SystemExit(LEFT if missing else 0)
