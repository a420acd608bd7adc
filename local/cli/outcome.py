"""What came of orders: the route, what was quoted and received, and the time that each step took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table

from .life import STEPS, Life, percent, quote_lines, short
from .view import plain_table

WIDE = 140  # from here on it fits into one table

Cell = Callable[[Life], str]


def outcome_tables(lives: Sequence[Life], width: int) -> list[Table]:
    """What came of the orders: one table, or two where the terminal is narrow."""
    if width >= WIDE:
        return [_table(lives, NAME + RESULT + TIMES, gap=2)]
    return [_table(lives, NAME + RESULT, gap=1), _table(lives, NAME[:2] + TIMES, gap=1)]


def _table(lives: Sequence[Life], columns: Sequence[tuple[str, Cell]], *, gap: int) -> Table:
    table = plain_table(gap)
    for title, cell in columns:
        is_number = cell not in (_order_id, _pair, _route)
        table.add_column(title, justify="right" if is_number else "left", overflow="fold")
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
