"""The command line: `python -m local COMMAND`.

The group of commands, its `--help`, and how an error becomes one line and an exit code:

0  done            1  the order failed, expired or was cancelled; or the engine could not start or go on
2  not done: wrong usage, a wrong setting, no engine there, or it refused
3  unknown: the order may have been placed     130  Ctrl-C
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click
from chalicelib import VERSION
from chalicelib.config import ConfigError
from chalicelib.domain.errors import EngineError

from ..errors import ClientError, PortTaken, Refused, ServiceError, Unreachable
from ..settings import read_dotenv
from ..terminal import Failure, NotDone, print_anything

COMPLETE = "_ORDER_ENGINE_COMPLETE"
"""The variable by which a shell asks for completions: see `completion`."""

MODULES = {  # of each command; a module is imported when one of its commands is called
    "up": "up",
    "demo": "demo",
    "submit": "orders",
    "watch": "orders",
    "cancel": "resting",
    "open": "resting",
    "orders": "orders",
    "quote": "orders",
    "tokens": "orders",
    "doctor": "doctor",
    "health": "top",
    "top": "top",
    "logs": "logs",
    "completion": "top",
    "launch": "launch",
    "keys": "keys",
    "dlq": "dlq",
    "emulator": "emulator",
    "bench": "bench",
    "load": "load",
}

TEXT = (Path(__file__).parent / "help.txt").read_text()  # `local/run` prints it while there are no packages
HELP = "".join(f"\b\n{paragraph}\n\n" for paragraph in TEXT.split("\n\n"))  # `\b`: not to be wrapped


class Commands(click.Group):
    """Imports a command when it is called, and turns the errors that people can act on into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return [*MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in MODULES:
            return None
        module = import_module(f".{MODULES[cmd_name]}", __package__)
        command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")  # `open` is Python's
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called. Raises NoSuchCommand, which names those that are meant perhaps."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click looks among commands that are imported
            raise click.exceptions.NoSuchCommand(args[0], possibilities=MODULES, ctx=ctx) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `help COMMAND` for `COMMAND --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Leave out the list: the text above it shows each with an example."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise NotDone(str(error)) from error
        except Unreachable as error:
            hint = "Start one with ./local/run, or say where it is with --url, --state or ENGINE_URL."
            raise NotDone(f"{error} {hint}") from error
        except Refused as refusal:
            supported = ", ".join(refusal.answer.get("supported", ()))
            raise NotDone(f"{refusal} Known: {supported}." if supported else str(refusal)) from refusal
        except ClientError as error:
            raise NotDone(str(error)) from error
        except PortTaken as error:
            raise Failure(
                f"{error} For example: ./local/run {ctx.invoked_subcommand} --port {error.port + 1}"
            ) from error
        except (ServiceError, EngineError) as error:
            raise Failure(str(error)) from error


@click.version_option(VERSION, "-V", "--version", prog_name="order-engine", message="%(prog)s %(version)s")
@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """What happens before every command."""
    print_anything()
    read_dotenv()
