"""The table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from .rows import Bar, Row, number, shown


def table(rows: Sequence[Row], *, other: str = "baseline", ours: str = "ours") -> Table:
    """A row each; what misses its bar is red, what reaches its aim is green."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column("figure", no_wrap=True)
    for name in (other, ours, "ratio", "must", "aim"):
        found.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        found.add_row(*cells(row), style=style(row))
    return found


def cells(row: Row) -> tuple[str, ...]:
    """A row's texts."""
    unit = f" [{row.spec.unit}]" if row.spec.unit else ""
    is_growth = row.spec.to is not None and row.spec.to.side == row.spec.of.side
    ratio = f"{shown(row.ratio)}×" if row.ratio and not row.spec.judges_value else "–"
    return (
        row.spec.title + unit,
        shown(row.baseline) + (" *" if is_growth else ""),
        shown(row.ours),
        ratio,
        bar(row.spec.must, is_value=row.spec.judges_value),
        bar(row.spec.aim, is_value=row.spec.judges_value),
    )


def bar(bound: Bar | None, *, is_value: bool) -> str:
    """`≥ 2×`"""
    if bound is None:
        return ""
    return f"{bound.sign} {number(bound.value)}" + ("" if is_value else "×")


def style(row: Row) -> str:
    """How a row is coloured."""
    if row.misses_must:
        return "red"
    return "green" if row.reaches_aim else ""


def notes(rows: Sequence[Row]) -> Text:
    """What the table can't say by itself."""
    missed = sum(row.misses_must for row in rows)
    text = Text("Medians of the rounds (least–most); a ratio is the median of the rounds' own ratios.")
    if any(row.spec.to and row.spec.to.side == row.spec.of.side for row in rows):
        text.append("\n* ours as well, at the smaller size.")
    text.append(
        f"\n{missed} of {sum(bool(row.spec.must) for row in rows)} figures miss what they must be."
        if missed
        else "\nEvery figure is what it must be."
    )
    return text
