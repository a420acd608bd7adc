"""Options of both commands, and what both ask and say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .screen import Screen
from .stages import stack_name

Command = TypeVar("Command", bound=Callable[..., Any])


def where(command: Command) -> Command:
    """Adds --endpoint-url, --region and --profile."""
    for option in (
        click.option("--profile", help="Profile of ~/.aws/config; otherwise AWS_PROFILE."),
        click.option("--region", help="AWS region; otherwise AWS_REGION, or the profile's."),
        click.option("--endpoint-url", metavar="URL", help="An emulator that stands in for AWS."),
    ):
        command = option(command)
    return command


def typed(question: str) -> str:
    """What somebody types; nothing if there is nobody."""
    click.echo(question, nl=False, err=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        click.echo(err=True)
    return answer


def say_what_goes_on(screen: Screen, stage: str) -> None:
    """After Ctrl-C: what is not stopped by it."""
    screen.say(
        f"\nStopped. What CloudFormation has begun it carries on with; look at it, or stop an update:\n"
        f"  aws cloudformation describe-stacks --stack-name {stack_name(stage, 'engine')}\n"
        f"  aws cloudformation cancel-update-stack --stack-name {stack_name(stage, 'engine')}\n"
        "Run the same command again when it is at rest."
    )
