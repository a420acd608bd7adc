"""A report as one HTML file that needs nothing else: a table of figures, and plots of what is behind them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("report.css")


def page(title: str, heading: str, verdict: str, table: str, plots: Iterable[tuple[str, str]]) -> str:
    """The whole page, of a table's rows as HTML, and of plots, each with its title."""
    figures = "".join(f"<figure><h2>{escape(name)}</h2>{drawn}</figure>" for name, drawn in plots)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style>"
        f"<h1>{escape(heading)}</h1>"
        f'<p class="sub">{time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())} · {escape(verdict)}</p>'
        f'<div class="wide"><table>{table}</table></div><div class="plots">{figures}</div></html>\n'
    )
