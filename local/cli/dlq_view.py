"""Dead letters as they are printed, the summary of a redrive, and the bar while one runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from chalicelib.api.wire import answers
from chalicelib.domain.events import Event
from chalicelib.domain.order import Order
from chalicelib.ports.queue import DeadLetter
from chalicelib.services.redrive import Tally
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..client.commands.terminal import counted
from ..client.commands.view import COLOURS, Json, Life, Wire, age, event_line, list_view, screen

SHOWN = 200  # characters of a body, in a list
MANY = 100  # from so many on, a bar is drawn


def row(letter: DeadLetter, order: Order | None) -> Json:
    """A dead letter and its order, as `list --json` prints it; `poison` says why it has no order."""
    return {
        "messageId": letter.message_id,
        "orderId": letter.order_id,
        "status": order and order.status,
        "code": order and order.code,
        "error": order and order.error,
        "attempts": order and order.attempt,
        "ageSeconds": round(max(0.0, (datetime.now(UTC) - letter.sent_at).total_seconds()), 1),
        "poison": None if order else _why_no_order(letter),
        "body": letter.body[:SHOWN],
    }


def detail(letter: DeadLetter, order: Order | None, events: Sequence[Event]) -> Json:
    """A dead letter in full, with its order and all events of that."""
    whole = order and msgspec.to_builtins(answers.order(order)) | {"events": answers.event_list(events)}
    return row(letter, order) | {"body": letter.body, "order": whole}


def print_detail(found: Wire) -> None:
    """Print what `detail` gives, for people."""
    console = screen()
    console.print(f"message {found['messageId']}, sent {age(found['ageSeconds'])} ago")
    console.print(f"  {printable(found['body'])}", soft_wrap=True)
    if found["poison"]:
        console.print(f"no order: {found['poison']}; delete it by its id")
        return
    order = found["order"]
    console.print(f"order {order['orderId']} is {order['status']}")
    life = Life(order["orderId"])
    for event in order["events"]:
        life.take(event)
        console.print(event_line(event, life), soft_wrap=True)


def orders_view(rows: Sequence[Wire], width: int) -> RenderableType:
    """Dead letters that name an order, with its status."""
    shown = [
        {
            "order": one["orderId"],
            "status": Text(one["status"], COLOURS.get(one["status"], "cyan")),
            "age": age(one["ageSeconds"]),
            "attempts": str(one["attempts"]),
            "code": one["code"] or "",
            "error": one["error"] or "",
        }
        for one in rows
    ]
    return list_view(shown, width, head=3)


def no_order_view(rows: Sequence[Wire], width: int) -> RenderableType:
    """Messages without an order: their bodies, with the ids that `delete` takes."""
    shown = [
        {
            "message": one["messageId"],
            "age": age(one["ageSeconds"]),
            "reason": Text(one["poison"], "red"),
            "body": printable(one["body"]),
        }
        for one in rows
    ]
    return list_view(shown, width, head=2)


def printable(text: str) -> str:
    """`text` on one line, without control characters that a terminal would interpret."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _why_no_order(letter: DeadLetter) -> str:
    """Why a dead letter has no order."""
    if letter.order_id is not None:
        return f"there is no order {letter.order_id}"
    try:
        json.loads(letter.body)
    except (ValueError, RecursionError):
        return "it is not JSON"
    return "it names no order"


def tally_row(tally: Tally) -> Wire:
    """`{redriven, dropped, left}`, as `redrive --json` prints it."""
    failed = [{"orderId": order_id, "reason": "it failed again"} for order_id in sorted(tally.again)]
    unknown = [{"orderId": order_id, "reason": "there is no such order"} for order_id in _nowhere(tally)]
    poison = [{"messageId": letter.message_id, "reason": "poison"} for letter in tally.poison]
    return {
        "redriven": tally.redriven,
        "dropped": [{"orderId": order_id, "status": status} for order_id, status in tally.dropped.items()],
        "left": [*failed, *unknown, *poison],
    }


def summary(tally: Tally) -> str:
    """The same for people."""
    lines = [f"redriven: {counted(len(tally.redriven), 'order')}"]
    for status, count in Counter(tally.dropped.values()).items():
        are = "is" if count == 1 else "are"
        lines.append(f"dropped:  {counted(count, 'order')} {are} {status}, so the dead letters were deleted")
    if tally.again:
        again = counted(len(tally.again), "order")
        lines.append(f"left:     {again} failed again; redrive once what is wrong is mended")
    if tally.poison:
        messages = counted(len(tally.poison), "message")
        lines.append(f"left:     {messages} without an order; see `dlq list`, and `dlq delete MESSAGE`")
    lines += [f"left:     there is no order {order_id}" for order_id in _nowhere(tally)]
    return "\n".join(lines)


def _nowhere(tally: Tally) -> list[str]:
    """Orders that were asked for, and of which there is no dead letter either."""
    return sorted(tally.unknown - {letter.order_id for letter in tally.poison})


@contextmanager
def progress(title: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Call what it gives with how many of `total` are done; they may turn out to be more."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_shown = console.is_terminal and total >= MANY and not quiet
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done, total=max(done, total))
