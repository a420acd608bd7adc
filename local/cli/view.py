"""What is printed, and where: an event, lives while they are lived, a list of orders, a quote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .life import STEPS, Life, Wire, percent, short, tell

PLAIN_WIDTH = 160  # of output that goes to a file or a pipe, where nothing need be folded
COLOURS = {"confirmed": "green", "failed": "red"}


def screen() -> Console:
    """The terminal; or a file or a pipe, to which nothing but text is written."""
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, emoji=False, markup=False, width=PLAIN_WIDTH, no_color=True)


def say(line: str) -> None:
    """A line for people."""
    click.echo(line)


def dump(found: object) -> None:
    """JSON on one line, written out at once."""
    click.echo(json.dumps(found))


def event_line(event: Wire, life: Life, *, name: str = "") -> Text:
    """An event on one line: when, of which order if `name` says so, its status, what it says."""
    at = str(event["at"])[11:23]
    line = Text(f"{at}  {name}{'  ' if name else ''}")
    line.append(f"{event['status']:<9}", style=COLOURS.get(event["status"], "cyan"))
    line.append(f"  {tell(event, life)}")
    return line


def lives_table(lives: Sequence[Life]) -> Table:
    """Where every order is right now: a dot for each step that it has reached, and what it said last."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    names = [str(life) for life in lives]
    for width in (8, max(map(len, names), default=0), len(STEPS) * 2 + 1, 9):
        table.add_column(no_wrap=True, min_width=width)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for life, name in zip(lives, names, strict=True):
        colour = COLOURS.get(life.status, "cyan")
        said = tell(life.events[-1], life) if len(life.events) > 1 else ""
        table.add_row(Text(life.order_id[:8], "dim"), name, _dots(life), Text(life.status, colour), said)
    return table


def _dots(life: Life) -> Text:
    if life.status == "failed":
        return Text("✗", "red")
    last = STEPS.index(life.status) if life.status in STEPS else len(STEPS)
    dots = (
        ("●", COLOURS.get(life.status, "cyan")) if n <= last else ("○", "dim") for n in range(len(STEPS) + 1)
    )
    return Text(" ").join(Text(*dot) for dot in dots)


def plain_table(gap: int = 2) -> Table:
    """A table without lines, to which columns are added."""
    return Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")


def orders_table(orders: Sequence[Wire], now: datetime) -> Table:
    """Orders as the engine lists them."""
    table = plain_table()
    for title in ("order", "age", "pair", "amount", "status", "received", "attempt", "reason"):
        add_column(table, title)
    for order in orders:
        table.add_row(
            order["orderId"],
            age((now - datetime.fromisoformat(order["createdAt"])).total_seconds()),
            f"{order['tokenIn']} → {order['tokenOut']}",
            short(order["amount"]),
            Text(order["status"], COLOURS.get(order["status"], "cyan")),
            short(order.get("amountOut", "")),
            str(order["attempt"]),
            order.get("code", ""),
        )
    return table


def add_column(table: Table, title: str) -> None:
    """Add a column: nothing is cut off where the terminal is narrow, and an id is not folded either."""
    numbers = ("age", "amount", "received", "attempt", "attempts")
    least = 36 if title in ("order", "message") else None
    table.add_column(title, justify="right" if title in numbers else "left", overflow="fold", min_width=least)


def quote_table(quote: Wire) -> Table:
    """Both venues' quotes, the one chosen marked."""
    table = plain_table()
    for title in ("  venue", "gives", "price", "fee", "impact"):
        table.add_column(title, justify="left" if title == "  venue" else "right", no_wrap=True)
    for dex, answer in quote["quotes"].items():
        mark = "▸" if dex == quote["chosen"] else " "
        if "error" in answer:
            table.add_row(f"{mark} {dex}", Text(answer["code"], "red"))
        else:
            table.add_row(
                f"{mark} {dex}",
                f"{short(answer['amountOut'])} {quote['tokenOut']}",
                short(answer["price"]),
                f"{short(answer['fee'])} {quote['tokenIn']}",
                percent(answer["priceImpactBps"]),
            )
    return table


def age(seconds: float) -> str:
    """`42 s`, `17 min`, `5 h`, `3 d`"""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
