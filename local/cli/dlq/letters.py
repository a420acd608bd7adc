"""Dead letters as they are shown: each with the order that it names, or with the reason why it is poison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.domain.order import Event, Order
from chalicelib.ports.queue import DeadLetter
from rich.table import Table
from rich.text import Text

from ..life import Life, Wire
from ..output import screen
from ..view import COLOURS, add_column, age, event_line, plain_table

SHOWN = 200  # characters of a body, in a list


def row(letter: DeadLetter, order: Order | None) -> Wire:
    """A letter and its order, as `list --json` prints it; `poison` says why no order can be made of it."""
    return {
        "messageId": letter.message_id,
        "orderId": letter.order_id,
        "status": order and order.status,
        "code": order and order.code,
        "error": order and order.error,
        "attempts": order and order.attempt,
        "ageSeconds": round(max(0.0, (datetime.now(UTC) - letter.sent_at).total_seconds()), 1),
        "poison": None if order else _poison(letter),
        "body": letter.body[:SHOWN],
    }


def detail(letter: DeadLetter, order: Order | None, events: Sequence[Event]) -> Wire:
    """A letter in full, with its order and all that happened to that."""
    whole = order and order.to_wire() | {"events": [event.to_wire() for event in events]}
    return row(letter, order) | {"body": letter.body, "order": whole}


def print_detail(found: Wire) -> None:
    """What `detail` gives, for people."""
    console = screen()
    console.print(f"message {found['messageId']}, sent {age(found['ageSeconds'])} ago")
    console.print(f"  {printable(found['body'])}", soft_wrap=True)
    if found["poison"]:
        console.print(f"poison: {found['poison']}; delete it by its id")
        return
    order = found["order"]
    console.print(f"order {order['orderId']} is {order['status']}")
    life = Life(order["orderId"])
    for event in order["events"]:
        life.take(event)
        console.print(event_line(event, life), soft_wrap=True)


def orders_table(rows: Sequence[Wire]) -> Table:
    """Letters that name an order: what became of that."""
    table = plain_table()
    for title in ("order", "status", "code", "attempts", "age", "reason"):
        add_column(table, title)
    for one in rows:
        table.add_row(
            one["orderId"],
            Text(one["status"], COLOURS.get(one["status"], "cyan")),
            one["code"] or "",
            str(one["attempts"]),
            age(one["ageSeconds"]),
            one["error"] or "",
        )
    return table


def poison_table(rows: Sequence[Wire]) -> Table:
    """Letters that no order can be made of: what they say, by the ids that they are deleted by."""
    table = plain_table()
    for title in ("message", "age", "poison", "body"):
        add_column(table, title)
    for one in rows:
        table.add_row(
            one["messageId"], age(one["ageSeconds"]), Text(one["poison"], "red"), printable(one["body"])
        )
    return table


def printable(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _poison(letter: DeadLetter) -> str:
    """What is wrong with a letter that has no order."""
    if letter.order_id is not None:
        return f"there is no order {letter.order_id}"
    try:
        json.loads(letter.body)
    except (ValueError, RecursionError):
        return "it is not JSON"
    return "it names no order"
