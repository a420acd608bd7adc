"""The command line: `deploy STAGE` and `destroy STAGE`, and how an error becomes text and an exit code.

0  done            1  something went wrong underway: a step says what, and what was put back
2  not begun: wrong usage, a wrong parameter, no credentials        130  stopped by Ctrl-C
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from local.terminal import Failure, NotDone, print_anything

from .deploying import deploy
from .destroying import destroy
from .errors import AwsError, InfraError, Refused, StageError


class Commands(click.Group):
    """The commands; they may raise the errors that people can do something about."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (StageError, AwsError, Refused) as error:
            raise NotDone(str(error)) from error
        except InfraError as error:
            raise Failure(str(error)) from error
        except ClientError as error:
            said, operation = error.response["Error"], error.operation_name
            raise Failure(f"AWS refused {operation}: {said.get('Message')} ({said.get('Code')})") from error
        except BotoCoreError as error:
            raise Failure(f"AWS could not be asked: {error}") from error
        except KeyboardInterrupt:
            raise SystemExit(130) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The engine's way into an AWS account, and out of it."""
    signal.signal(signal.SIGTERM, _interrupt)
    print_anything()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


cli.add_command(deploy)
cli.add_command(destroy)
