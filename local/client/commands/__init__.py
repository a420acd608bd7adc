"""The command line of a client: `order-engine COMMAND`.

The group of commands, its `--help`, and how an error becomes one line and an exit code:

0  done            1  the order failed, expired or was cancelled; or not every part of the engine is well
2  not done: wrong usage, no engine there, or it refused
3  unknown: the order may have been placed     130  Ctrl-C
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import click

from .. import ClientError, Refused, Unreachable, __version__
from .options import Program
from .terminal import NotDone, print_anything

COMPLETE = "_ORDER_ENGINE_COMPLETE"
"""The variable by which a shell asks for completions: see `completion`."""

PROGRAM = Program()
MODULES = {  # of each command; a module is imported when one of its commands is called
    name: f"{__name__}.{module}"
    for name, module in {
        "submit": "orders",
        "watch": "orders",
        "orders": "orders",
        "quote": "orders",
        "tokens": "orders",
        "open": "resting",
        "cancel": "resting",
        "health": "overview",
        "top": "overview",
        "completion": "overview",
    }.items()
}


class Commands(click.Group):
    """Imports a command when it is called, and turns the errors that people can act on into exit codes."""

    modules: ClassVar[Mapping[str, str]] = MODULES

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return [*self.modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None; its help names the program that was called."""
        if cmd_name not in self.modules:
            return None
        module = import_module(self.modules[cmd_name])
        found = getattr(module, cmd_name.replace("-", "_"), None) or getattr(
            module, f"{cmd_name}_"
        )  # `open` is Python's
        assert isinstance(found, click.Command)
        command = copy.copy(found)
        program = ctx.find_object(Program)
        if program is not None and command.help is not None:
            command.help = command.help.replace(PROGRAM.name, program.name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called. Raises NoSuchCommand, which names those that are meant perhaps."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click looks among commands that are imported
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.modules, ctx=ctx) from error

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
        except Unreachable as error:
            program = ctx.find_object(Program) or PROGRAM
            raise NotDone(f"{error} {program.advice}") from error
        except Refused as refusal:
            supported = ", ".join(refusal.answer.get("supported", ()))
            raise NotDone(f"{refusal} Known: {supported}." if supported else str(refusal)) from refusal
        except ClientError as error:
            raise NotDone(str(error)) from error


def help_of(path: Path) -> str:
    """The help of a group, as its file has it."""
    return "".join(
        f"\b\n{paragraph}\n\n" for paragraph in path.read_text().split("\n\n")
    )  # `\b`: not to be wrapped


@click.version_option(
    __version__, "-V", "--version", prog_name="order-engine", message="%(prog)s %(version)s"
)
@click.group(
    cls=Commands,
    help=help_of(Path(__file__).with_name("help.txt")),
    context_settings={"help_option_names": ["-h", "--help"], "obj": PROGRAM},
)
def commands() -> None:
    """What happens before every command."""
    print_anything()


def main() -> None:
    """The console script."""
    commands(prog_name=PROGRAM.name, complete_var=COMPLETE)
