"""The command line: `python -m local COMMAND`.

The commands of a client, and those that start or look at an engine of this machine. Exit codes are those of
the client's command line, and 1 also where the engine could not start or go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import click
from chalicelib import VERSION
from chalicelib.config import ConfigError
from chalicelib.domain.errors import EngineError

from ..client.commands import COMPLETE, Commands, help_of
from ..client.commands import MODULES as CLIENT
from ..client.commands.terminal import Failure, NotDone, print_anything
from ..errors import PortTaken, ServiceError
from ..settings import read_dotenv
from .machine import HERE, find_by_state

__all__ = ["COMPLETE", "cli"]

HELP = help_of(Path(__file__).parent / "help.txt")  # `local/run` prints the file while there are no packages


class AllCommands(Commands):
    """The commands of the client and of this machine."""

    modules: ClassVar[Mapping[str, str]] = CLIENT | {
        name: f"{__name__}.{name.replace('-', '_')}"
        for name in (
            "up",
            "demo",
            "doctor",
            "devnet-check",
            "launch",
            "keys",
            "halt",
            "dlq",
            "logs",
            "trace",
            "emulator",
            "bench",
            "load",
        )
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None; one that takes --url also takes --state."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            names = {param.name for param in command.params}
            if "url" in names and "state" not in names:
                find_by_state(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise NotDone(str(error)) from error
        except PortTaken as error:
            raise Failure(
                f"{error} For example: ./local/run {ctx.invoked_subcommand} --port {error.port + 1}"
            ) from error
        except (ServiceError, EngineError) as error:
            raise Failure(str(error)) from error


@click.version_option(VERSION, "-V", "--version", prog_name="order-engine", message="%(prog)s %(version)s")
@click.group(
    cls=AllCommands, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "obj": HERE}
)
def cli() -> None:
    """What happens before every command."""
    print_anything()
    read_dotenv()
