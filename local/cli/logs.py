"""`logs`: what the engine of a state folder has logged, those of its processes in one order of time."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..client.commands import options
from ..client.commands.terminal import NotDone
from ..client.commands.view import say
from ..log_file import files
from ..terminal import LEVELS
from . import machine

LOOK_S = 0.2
SHOWN_FIRST = ("at", "level", "logger", "process", "event", "exception")  # the others are shown as key=value
COLOURS = {"DEBUG": "bright_black", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}

Line = dict[str, Any]


@click.command()
@click.argument("order_id", metavar="[ORDER]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on; Ctrl-C ends it.")
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="Only this level and those above.",
)
@click.option(
    "--since", type=options.PAST, metavar="WHEN", help="Only since then: 10m, 2h, or a time of RFC 3339."
)
@machine.state
@options.as_json
def logs(
    order_id: str | None, follow: bool, level: str, since: str | None, state: Path, as_json: bool
) -> None:
    """Show what the engine has logged: a line for each request and each transition, and what went wrong.

    With ORDER, an order's id or the beginning of it, only what concerns that order. The lines are in
    .local/logs, also once the engine has stopped.

    \b
    Example: ./local/run logs --follow
             ./local/run logs 7f0c2f8e --since 10m
             ./local/run logs --level WARNING --json
    """
    if not files(state):
        raise NotDone(f"Nothing is logged in {state}: start an engine with ./local/run, or name its --state.")
    wanted = _wanted(order_id, level, since)
    past = [line for line in read(state) if wanted(line)]
    for line in past if order_id is None else of_one(past, order_id):
        _show(line, as_json)
    for line in new_lines(state) if follow else ():
        if wanted(line):
            _show(line, as_json)


def read(state: Path) -> Iterator[Line]:
    """Every line of every process, the oldest first."""
    processes = (_parsed(_lines(paths), name) for name, paths in files(state).items())
    return heapq.merge(*processes, key=lambda line: str(line["at"]))


def of_one(lines: Iterable[Line], prefix: str) -> list[Line]:
    """The lines, which are of one order. Raises NotDone if orders of several begin so."""
    found = list(lines)
    if len(ids := {line["order"] for line in found}) > 1:
        raise NotDone(f"{prefix!r} begins the ids of {len(ids)} orders: {', '.join(sorted(ids)[:5])} …")
    return found


def new_lines(state: Path) -> Iterator[Line]:
    """Lines that are written from now on."""
    at = {paths[-1]: paths[-1].stat().st_size for paths in files(state).values()}
    rest: dict[Path, bytes] = {}
    while True:
        for name, paths in files(state).items():
            path = paths[-1]
            if path.exists() and path.stat().st_size < at.get(path, 0):  # a new one was begun
                at[path] = 0
            with path.open("rb") as file:
                file.seek(at.get(path, 0))
                text = rest.pop(path, b"") + file.read()
                at[path] = file.tell()
            *whole, rest[path] = text.split(b"\n")
            yield from _parsed(whole, name)
        time.sleep(LOOK_S)


def text_of(line: Line) -> str:
    """A line as a terminal shows it."""
    more = " ".join(f"{key}={value}" for key, value in line.items() if key not in SHOWN_FIRST)
    at = datetime.fromisoformat(line["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    level = click.style(f"{line['level']:7}", fg=COLOURS.get(line["level"]))
    text = f"{at} {level} {line['process']:7} {line['event']}{' ' if more else ''}{more}"
    return text + (f"\n{line['exception'].rstrip()}" if "exception" in line else "")


def _wanted(order_id: str | None, level: str, since: str | None) -> Any:
    levels = LEVELS[LEVELS.index(level.upper()) :]
    begin = "" if since is None else _stamp(since)

    def wanted(line: Line) -> bool:
        return (
            line["level"] in (*levels, "CRITICAL")
            and line["at"] >= begin
            and (order_id is None or str(line.get("order", "")).startswith(order_id.lower()))
        )

    return wanted


def _stamp(when: str) -> str:
    """A time of RFC 3339 as lines have it."""
    found = options.moment(when)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03d}Z"


def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        try:
            with path.open("rb") as file:
                yield from file
        except FileNotFoundError:  # it was rotated meanwhile
            continue


def _parsed(lines: Iterable[bytes], process: str) -> Iterator[Line]:
    for text in lines:
        try:
            yield {"process": process, **json.loads(text)}
        except ValueError:  # a process was killed in the middle
            continue


def _show(line: Line, as_json: bool) -> None:
    say(json.dumps(line, ensure_ascii=False) if as_json else text_of(line))
