"""The command line: `python -m local COMMAND`.

The group of commands, its `--help`, and how an error becomes one line and an exit code:

0  done            1  the order failed, or the engine could not start or go on
2  not done: wrong usage, a wrong setting, no engine there, or it refused
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click
from chalicelib.config import ConfigError
from chalicelib.domain.errors import EngineError

from ..errors import ClientError, PortTaken, ServiceError, Unreachable
from ..settings import read_dotenv
from ..terminal import Failure, NotDone, print_anything

MODULES = {  # of each command; a module is imported when one of its commands is called
    "up": "up",
    "demo": "demo",
    "submit": "orders",
    "watch": "orders",
    "orders": "orders",
    "quote": "orders",
    "dlq": "dlq",
    "emulator": "emulator",
    "bench": "bench",
}

HELP = """A market-order execution engine on this machine.

It takes an order over HTTP, asks two DEXs (Raydium, Meteora) for a quote, settles it at the better one on a
simulated Solana, and streams each step of its life over a WebSocket:

\b
    pending → routing → building → submitted → confirmed (or failed)

The functions are those that run on AWS. Postgres, Valkey and SQS are started for you.

\b
Start it, or look at it (./local/run is `python -m local`, with its environment made first):
    ./local/run                               start the engine at http://127.0.0.1:3000
    ./local/run demo                          five orders, drawn live; needs no engine

\b
In a second terminal:
    ./local/run submit SOL USDC 1.5 --watch   submit an order and subscribe to it
    ./local/run watch ORDER_ID                subscribe to an order, from its first event to its last
    ./local/run orders --status failed        list orders, newest first
    ./local/run quote SOL USDC 1.5            what both DEXs would give now
    ./local/run dlq list                      orders that failed for good, and why
    ./local/run dlq redrive ORDER_ID          give a failed order a new set of attempts

\b
To try a deployment without AWS:
    ./local/run emulator                      AWS on this machine, for ./infra/deploy local

\b
To see what it costs, beside the same engine as people build it in Node:
    ./local/run bench --quick                 orders/s, CPU, latencies; some minutes

\b
Environment (or .env in the project; .env.example lists every setting):
    PORT                   where the engine listens
    ENGINE_URL             where submit, watch, orders and quote find it; dlq goes by --state
    SIM_LATENCY            1 is as slow as the real thing (about 3 s an order), 0 is instant
    SIM_FAULTS             what goes wrong, e.g. `quote-timeout token=COPE times=2`
    DATABASE_URL, REDIS_URL, AWS_ENDPOINT_URL
                           servers of your own, used in place of ours
    LOG_LEVEL              DEBUG, INFO, WARNING or ERROR
"""


class Commands(click.Group):
    """Imports a command when it is called, and turns the errors that people can act on into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return [*MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in MODULES:
            return None
        command = getattr(import_module(f".{MODULES[cmd_name]}", __package__), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Leave out the list: the text above it shows each with an example."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise NotDone(str(error)) from error
        except Unreachable as error:
            hint = "Start one with ./local/run, or say where it is with --url or ENGINE_URL."
            raise NotDone(f"{error} {hint}") from error
        except ClientError as error:
            raise NotDone(str(error)) from error
        except PortTaken as error:
            raise Failure(
                f"{error} For example: ./local/run {ctx.invoked_subcommand} --port {error.port + 1}"
            ) from error
        except (ServiceError, EngineError) as error:
            raise Failure(str(error)) from error


@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """What happens before every command."""
    print_anything()
    read_dotenv()
