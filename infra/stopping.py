"""After Ctrl-C: what CloudFormation has begun it carries on with, so it is said what that is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .aws import Aws
from .screen import Screen
from .stack import UNMADE
from .stacks import Stacks
from .stage import ARTIFACTS, PARTS, stack_name

CANCEL = "    aws cloudformation cancel-update-stack --stack-name {name}    takes it back"


@contextmanager
def saying_that_nothing_was_sent(screen: Screen) -> Iterator[None]:
    """Where the block is interrupted, say that there is nothing to look after."""
    try:
        yield
    except KeyboardInterrupt:
        screen.say("\nStopped. Nothing was sent.")
        raise


@contextmanager
def saying_what_goes_on(aws: Aws, stage: str, screen: Screen) -> Iterator[None]:
    """Where the block is interrupted, say which stacks are still at work."""
    try:
        yield
    except KeyboardInterrupt:
        screen.say("\nStopped.")
        for line in what_goes_on(Stacks(aws), stage):
            screen.say(line)
        raise


def what_goes_on(stacks: Stacks, stage: str) -> list[str]:
    """The stage's stacks that are at work, and how to go on."""
    found = [stacks.find(stack_name(stage, part)) for part in (ARTIFACTS, *PARTS)]
    working = [
        stack
        for stack in found
        if stack and stack.status.endswith("_IN_PROGRESS") and stack.status not in UNMADE
    ]
    if not working:
        return ["No stack is at work; what was deployed stays. Run the same command again to go on."]
    lines = ["CloudFormation goes on with this:"]
    for stack in working:
        lines.append(f"  {stack.name} is {stack.status}")
        if stack.status == "UPDATE_IN_PROGRESS":
            lines.append(CANCEL.format(name=stack.name))
    return [*lines, "Run the same command again when that is done."]
