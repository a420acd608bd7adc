"""Options of both commands, and how both ask."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

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


def ask(question: str) -> str:
    """What somebody types; nothing if there is nobody."""
    click.echo(question, nl=False, err=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        click.echo(err=True)
    return answer
