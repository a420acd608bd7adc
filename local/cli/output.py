"""Where output goes: a console for people, a line of JSON for scripts."""

from __future__ import annotations

import json

import click
from rich.console import Console

PLAIN_WIDTH = 160  # of output that goes to a file or a pipe, where nothing need be folded


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
