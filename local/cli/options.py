"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..settings import STATE
from ..terminal import LEVELS

DEFAULT_URL = "http://127.0.0.1:3000"

Command = TypeVar("Command", bound=Callable[..., Any])


def engine_url(command: Command) -> Command:
    """Adds --url."""
    return click.option(
        "--url", envvar="ENGINE_URL", default=DEFAULT_URL, show_default=True, help="Where the engine is."
    )(command)


def as_json(command: Command) -> Command:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def slippage(command: Command) -> Command:
    """Adds --slippage-bps."""
    return click.option(
        "--slippage-bps", type=int, help="How much less than quoted is accepted, in 1/100 of a per cent."
    )(command)


def state(command: Command) -> Command:
    """Adds --state."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        default=STATE,
        show_default=".local",
        help="Folder of the servers' files.",
    )(command)


def world(command: Command) -> Command:
    """Adds --latency and --faults."""
    for option in (
        click.option("--faults", metavar="RULES", help="Faults to inject, as SIM_FAULTS."),
        click.option("--latency", type=float, help="Scale of simulated latencies, as SIM_LATENCY."),
    ):
        command = option(command)
    return command


def log_level(command: Command) -> Command:
    """Adds --log-level and --verbose."""
    for option in (
        click.option(
            "--log-level",
            envvar="LOG_LEVEL",
            type=click.Choice(LEVELS, case_sensitive=False),
            default="WARNING",
            show_default=True,
            help="What the engine logs to stderr.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="The same as --log-level INFO."),
    ):
        command = option(command)
    return command


def url_hint(url: str) -> str:
    """What to add to a command that is to find the engine at `url`."""
    return "" if url.rstrip("/") == DEFAULT_URL else f" --url {url}"
