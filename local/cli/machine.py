"""Options of the commands that start or look at an engine of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from chalicelib.worlds import WORLDS
from click.core import ParameterSource

from ..client.commands.options import DEFAULT_URL, Place, Program, url_hint
from ..endpoints import find_url
from ..settings import STATE
from ..terminal import FORMS, LEVELS

Command = TypeVar("Command", bound=Callable[..., Any])

STATE_OPTION: dict[str, Any] = {
    "type": click.Path(file_okay=False, path_type=Path),
    "default": STATE,
    "show_default": ".local",
    "help": "Folder of the engine's servers' files.",
}


class Here(Program):
    """`./local/run`, whose commands also find an engine by its state folder."""

    def find(self, ctx: click.Context, url: str | None) -> Place:
        """The engine at `url` or on --state; without either the one that runs on the usual folder."""
        given = {
            name for name in ("url", "state") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        }
        if len(given) == 2:
            raise click.UsageError("Say where the engine is with --url or with --state, not with both.")
        state: Path = ctx.meta[STATE_OF]
        if url is not None and "state" not in given:
            return Place(url, self.name, url_hint(url))
        running = find_url(state)
        if "state" not in given:
            return Place(running or DEFAULT_URL, self.name)
        if running is None:
            raise click.UsageError(
                f"No engine runs on {state}. Start one with ./local/run up --state {state}."
            )
        return Place(running, self.name, f" --state {state}")


STATE_OF = f"{__name__}.state"
HERE = Here(
    "./local/run", "Start one with ./local/run, or say where it is with --url, --state or ENGINE_URL."
)


def find_by_state(command: click.Command) -> None:
    """Add --state to a command that has --url, for `Here.find`."""

    def remember(ctx: click.Context, param: click.Parameter, value: Path) -> None:
        ctx.meta[STATE_OF] = value

    command.params = [
        *command.params,
        click.Option(["--state"], expose_value=False, callback=remember, **STATE_OPTION),
    ]


def state(command: Command) -> Command:
    """Adds --state."""
    return click.option("--state", **STATE_OPTION)(command)


def world(command: Command) -> Command:
    """Adds --world, --latency and --faults."""
    for option in (
        click.option("--faults", metavar="RULES", help="Faults to inject, as SIM_FAULTS."),
        click.option("--latency", type=float, help="Scale of simulated latencies, as SIM_LATENCY."),
        click.option(
            "--world",
            type=click.Choice([*WORLDS]),
            help="Where orders are traded: in a simulation, or on Solana: a node on this machine, unless "
            "SOLANA_RPC_URLS names others.  [default: simulated]",
        ),
    ):
        command = option(command)
    return command


def log_level(command: Command) -> Command:
    """Adds --log-level, --log-format and --verbose."""
    for option in (
        click.option(
            "--log-level",
            envvar="LOG_LEVEL",
            type=click.Choice(LEVELS, case_sensitive=False),
            default="WARNING",
            show_default=True,
            help="What the engine logs to stderr.",
        ),
        click.option(
            "--log-format",
            envvar="LOG_FORMAT",
            type=click.Choice(FORMS, case_sensitive=False),
            default="text",
            show_default=True,
            help="As text, or as lines of JSON.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="The same as --log-level INFO."),
    ):
        command = option(command)
    return command
