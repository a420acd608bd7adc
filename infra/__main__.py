"""The command line: `python -m infra COMMAND`, where that is deploy, destroy, logs, halt or audit.

Exit codes:
  0    done
  1    a step failed; the message has the reason, and what was rolled back
  2    not started: wrong usage, a wrong parameter, no credentials
  130  stopped by Ctrl-C
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from local.client.commands.terminal import Failure, NotDone, print_anything

from .audit import audit
from .deploy import deploy
from .destroy import destroy
from .errors import AwsError, InfraError, Refused, StageError
from .halt import halt
from .logs import logs


class Commands(click.Group):
    """Runs a command, and turns its errors into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (StageError, AwsError, Refused) as error:
            raise NotDone(str(error)) from error
        except InfraError as error:
            raise Failure(str(error)) from error
        except ClientError as error:
            refusal, operation = error.response["Error"], error.operation_name
            raise Failure(
                f"AWS refused {operation}: {refusal.get('Message')} ({refusal.get('Code')})"
            ) from error
        except BotoCoreError as error:
            raise Failure(f"AWS could not be reached: {error}") from error
        except KeyboardInterrupt:
            raise SystemExit(130) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Deploy the engine into an AWS account, read its logs, halt and delete it; ask about its packages."""
    signal.signal(signal.SIGTERM, _interrupt)
    print_anything()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


cli.add_command(audit)
cli.add_command(deploy)
cli.add_command(destroy)
cli.add_command(halt)
cli.add_command(logs)

if __name__ == "__main__":
    cli(prog_name="python -m infra")
