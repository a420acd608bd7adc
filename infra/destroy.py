"""`destroy`: the stacks of a stage in reverse order, the bucket of its packages last.

Resources that a template retains are named at the end: mostly final snapshots of databases.
"""

from __future__ import annotations

import click

from local.client.commands.terminal import counted

from .aws import Aws, Bucket, connect
from .console import (
    ResourceProgress,
    Screen,
    ask,
    aws_options,
    report_running_operations,
)
from .errors import Refused
from .stacks import DATABASE_PROTECTION, NEVER_CREATED, Stack, Stacks
from .stage import ARTIFACTS, PARTS, check_name, stack_name, stage_names
from .template import parse

UNPROTECT = (
    "  aws cloudformation update-termination-protection "
    "--no-enable-termination-protection --stack-name {name}"
)


@click.command()
@click.argument("stage")
@aws_options
@click.option("--yes", is_flag=True, help="Don't ask.")
def destroy(stage: str, endpoint_url: str | None, region: str | None, profile: str | None, yes: bool) -> None:
    """Delete every stack of STAGE, and the bucket of its packages.

    Refuses while the stage is protected, as prod is. What its templates retain is listed at the
    end: of a database, the final snapshot.

    \b
    Example: ./infra/destroy dev --region eu-central-1
    """
    check_name(stage)
    screen = Screen()
    aws = connect(region, profile, endpoint_url)
    screen.print(f"{stage} in {aws.endpoint or aws.region}, {aws.caller()}")
    stacks = Stacks(aws)
    found = find(stacks, stage)
    if not found:
        screen.print(f"There is no stack of {stage} here: nothing to delete. The stages: {stage_names()}.")
        return
    for stack in found.values():
        screen.print(f"  {stack.name}  {stack.status}")
    if not yes and ask(f"Type {stage} to delete all of this: ") != stage:
        raise Refused("Nothing was deleted.")
    with report_running_operations(stacks, stage, screen):
        retained = delete(aws, stacks, found, screen)
    screen.print(
        f"\n{stage} is deleted." + (" Retained, at a cost:" if retained else " Nothing is retained.")
    )
    for each in retained:
        screen.print(f"  {each}")


def find(stacks: Stacks, stage: str) -> dict[str, Stack]:
    """The stage's stacks by part, in reverse order. Raises Refused while one is protected."""
    parts = reversed((ARTIFACTS, *PARTS))
    found = {part: stack for part in parts if (stack := stacks.find(stack_name(stage, part)))}
    if any(stack.database_protected and not stack.must_be_deleted for stack in found.values()):
        raise Refused(
            f"The database of {stage} is protected against deletion. To end that protection:\n"
            f"  ./infra/deploy {stage} --set {DATABASE_PROTECTION}=off"
        )
    if protected := [stack.name for stack in found.values() if stack.protected]:
        commands = "\n".join(UNPROTECT.format(name=name) for name in protected)
        raise Refused(f"{stage} is protected against deletion. To end that protection:\n{commands}")
    return found


def delete(aws: Aws, stacks: Stacks, found: dict[str, Stack], screen: Screen) -> list[str]:
    """Delete these stacks: what they retain. Raises StackError."""
    retained: list[str] = []
    for part, stack in found.items():
        with screen.step(part) as step:
            retained += _retained(stacks, stack)
            if part == ARTIFACTS and (bucket := stack.outputs.get("ArtifactsBucket")):
                count = Bucket(aws, bucket).delete_objects()
                step.print(f"{count} packages and templates deleted")
            progress = ResourceProgress(stacks.resources(stack.name), step)
            stacks.delete(stack.name, progress)
            step.result = f"{stack.name} deleted, {counted(progress.done, 'resource')}"
    return retained


def _retained(stacks: Stacks, stack: Stack) -> list[str]:
    """What the stack's template retains."""
    if stack.status in NEVER_CREATED:
        return []
    body = parse(stacks.template(stack.name))
    policies = {
        name: found.get("DeletionPolicy", "Delete") for name, found in body.get("Resources", {}).items()
    }
    return [
        f"a final snapshot of {physical}" if policies.get(logical) == "Snapshot" else physical
        for logical, physical in stacks.resources(stack.name).items()
        if policies.get(logical) in ("Snapshot", "Retain")
    ]
