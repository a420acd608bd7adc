"""`halt`: stops a stage's trading through its function Admin, and lets it go on."""

from __future__ import annotations

from collections.abc import Mapping

import click

from .aws import Aws, connect
from .console import aws_options
from .errors import FunctionFailed, HaltError, Refused
from .invoke import invoke
from .stacks import Stacks
from .stage import check_name, stack_name, stage_names

ON, OFF = "on", "off"


@click.command()
@click.argument("stage")
@click.argument("switch", metavar=f"{ON}|{OFF}", type=click.Choice([ON, OFF]))
@click.argument("reason", required=False)
@aws_options
def halt(
    stage: str,
    switch: str,
    reason: str | None,
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
) -> None:
    """Have STAGE sign no transaction from now on, for REASON, or sign again.

    For a stage with World=solana. Within a second no process signs; what was sent before may still land.
    Orders that are taken meanwhile fail with the code HALTED and REASON. It needs the permissions
    cloudformation:DescribeStacks and lambda:InvokeFunction.

    \b
    Example: ./infra/halt prod on "prices look wrong"
             ./infra/halt prod off
    """
    check_name(stage)
    if switch == OFF and reason is not None:
        raise click.UsageError("off takes no REASON.")
    aws = connect(region, profile, endpoint_url)
    stack = Stacks(aws).find(stack_name(stage, "engine"))
    if stack is None:
        raise Refused(f"There is no stack {stack_name(stage, 'engine')} here. The stages: {stage_names()}.")
    event = {"action": "halt" if switch == ON else "resume"} | ({"reason": reason} if reason else {})
    halted_for = set_halt(aws, stack.outputs["AdminFunction"], event)
    if switch == OFF and halted_for is not None:
        raise HaltError(
            f"{stage} stays halted: {halted_for}. To end that: ./infra/deploy {stage} --set SolanaHalted=no"
        )
    click.echo(f"{stage} trades" if halted_for is None else f"{stage} is halted: {halted_for}")


def set_halt(aws: Aws, function: str, event: Mapping[str, str]) -> str | None:
    """Why trading is halted once the function has taken the event, None if it is not. Raises HaltError."""
    try:
        answer = invoke(aws, function, event)
    except FunctionFailed as error:
        raise HaltError(f"Trading is as it was: {error}") from error
    try:
        return str(answer["reason"]) if answer["halted"] else None
    except (KeyError, TypeError):
        said = f"{answer['error']} ({answer['code']})" if isinstance(answer, dict) else answer
        raise HaltError(f"Trading is as it was: {said}") from None
