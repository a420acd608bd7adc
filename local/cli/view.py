"""Drawing: lives while they are lived, the table of what came of them, lists of orders, a quote."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from .life import STEPS, Life, Wire, percent, quote_lines, short, tell

COLOURS = {"confirmed": "green", "failed": "red"}
WIDE = 140  # from here on, what came of the orders fits into one table

Cell = Callable[[Life], str]


def event_line(event: Wire, life: Life, *, name: str = "") -> Text:
    """An event on one line: when, of which order if `name` says so, its status, what it says."""
    at = str(event["at"])[11:23]
    line = Text(f"{at}  {name}{'  ' if name else ''}")
    line.append(f"{event['status']:<9}", style=COLOURS.get(event["status"], "cyan"))
    line.append(f"  {tell(event, life)}")
    return line


def lives_table(lives: Sequence[Life]) -> Table:
    """Where every order is right now."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for life in lives:
        said = tell(life.events[-1], life) if len(life.events) > 1 else ""
        table.add_row(life.order_id[:8], str(life), _steps(life), Text(said, COLOURS.get(life.status, "")))
    return table


def _steps(life: Life) -> Text:
    text = Text()
    reached = STEPS.index(life.status) if life.status in STEPS else len(STEPS)
    for position, step in enumerate(STEPS):
        style = "green" if position < reached else "bold cyan" if position == reached else "dim"
        text.append(step, style="dim" if life.status == "failed" else style).append(" › ", style="dim")
    end = "failed" if life.status == "failed" else "confirmed"
    return text.append(end, style=f"bold {COLOURS[end]}" if life.has_ended else "dim")


def outcome_tables(lives: Sequence[Life], width: int) -> list[Table]:
    """What came of the orders: one table, or two where the terminal is narrow."""
    if width >= WIDE:
        return [_table(lives, NAME + RESULT + TIMES)]
    return [_table(lives, NAME + RESULT), _table(lives, NAME + TIMES)]


def _table(lives: Sequence[Life], columns: Sequence[tuple[str, Cell]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title, cell in columns:
        is_number = cell not in (_order_id, _pair, _route)
        table.add_column(title, justify="right" if is_number else "left", no_wrap=True)
    for life in lives:
        table.add_row(*(cell(life) for _, cell in columns), style="red" if life.status == "failed" else "")
    return table


def _order_id(life: Life) -> str:
    return life.order_id[:8]


def _pair(life: Life) -> str:
    return life.pair


def _amount(life: Life) -> str:
    return short(life.terms["amount"])


def _route(life: Life) -> str:
    """The dex chosen, marked, and below it the other one, each with its quote."""
    chosen = life.building.get("chosen", "")
    lines = [
        f"{'▸' if line.startswith(chosen) else ' '} {line}"
        for line in quote_lines(life.building.get("quotes", {}))
    ]
    return "\n".join(sorted(lines, reverse=True)) or str(life.end.get("code", ""))


def _quoted(life: Life) -> str:
    return short(life.building.get("route", {}).get("amountOut", ""))


def _received(life: Life) -> str:
    return short(life.end.get("amountOut", ""))


def _impact(life: Life) -> str:
    route = life.building.get("route")
    return percent(route["priceImpactBps"]) if route else ""


def _attempts(life: Life) -> str:
    return str(life.attempts)


def _in(status: str) -> Cell:
    return lambda life: _seconds(life.seconds_in(status))


def _total(life: Life) -> str:
    return _seconds(life.seconds)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


NAME: list[tuple[str, Cell]] = [("order", _order_id), ("pair", _pair), ("amount", _amount)]
RESULT: list[tuple[str, Cell]] = [
    ("route", _route),
    ("quoted", _quoted),
    ("received", _received),
    ("impact", _impact),
]
TIMES: list[tuple[str, Cell]] = [
    ("attempts", _attempts),
    *((status, _in(status)) for status in STEPS),
    ("total", _total),
]


def orders_table(orders: Sequence[Wire]) -> Table:
    """Orders as the engine lists them."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("order", "created", "pair", "amount", "status", "received", "attempt", "reason"):
        right = title in ("amount", "received", "attempt")
        table.add_column(title, justify="right" if right else "left", no_wrap=title != "reason")
    for order in orders:
        table.add_row(
            order["orderId"],
            str(order["createdAt"])[:19].replace("T", " "),
            f"{order['tokenIn']} → {order['tokenOut']}",
            short(order["amount"]),
            Text(order["status"], COLOURS.get(order["status"], "cyan")),
            short(order.get("amountOut", "")),
            str(order["attempt"]),
            order.get("code", ""),
        )
    return table


def quote_table(quote: Wire) -> Table:
    """Both venues' quotes, the one chosen marked."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
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


def dead_letters_table(letters: Sequence[Wire]) -> Table:
    """Dead letters with their orders."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("order", "status", "code", "attempts", "receives", "age", "reason"):
        right = title in ("attempts", "receives", "age")
        table.add_column(title, justify="right" if right else "left", no_wrap=title != "reason")
    for letter in letters:
        status = letter["status"] or "unknown"
        table.add_row(
            letter["orderId"] or "",
            Text(status, COLOURS.get(status, "cyan")),
            letter["code"] or "",
            str(letter["attempts"] or ""),
            str(letter["receives"]),
            age(letter["ageSeconds"]),
            letter["error"] or "",
        )
    return table


def age(seconds: float) -> str:
    """`42 s`, `17 min`, `5 h`, `3 d`"""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
