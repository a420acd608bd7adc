"""Terminal output of a command: the error that ends it, and what may be printed."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any

import click


class Failure(click.ClickException):
    """One line on stderr, and exit code 1: something went wrong underway."""

    def show(self, file: Any = None) -> None:
        """Print it."""
        click.echo(f"error: {self.format_message()}", file=file, err=True)


class NotDone(Failure):
    """One line on stderr, and exit code 2: it was not begun, or no engine was there to do it."""

    exit_code = 2


def counted(number: int, noun: str) -> str:
    """`1 order`, `2 orders`"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_anything() -> None:
    """Let no arrow end a command on an ASCII terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
