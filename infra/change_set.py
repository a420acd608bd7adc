"""One stack created or updated: change set → shown → confirmed if it would lose data → executed.

no stack                   create
its creation failed        delete it, then create
it can be updated          update, or nothing if nothing would change
in progress, or failed     StackError with the commands that help
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.client.commands.terminal import counted

from .console import ResourceProgress, Step
from .errors import Refused, StackError
from .stacks import FAILED_CREATE, Stack, Stacks
from .stage import Values

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")  # there is no error code for it
HIDDEN = "****"  # what CloudFormation returns for a NoEcho parameter

# Resources that hold data: a change that deletes or replaces one has to be confirmed.
STATEFUL = (
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
)
SIGNS = {"Add": "+", "Remove": "-", "Modify": "~", "Import": "+", "Dynamic": "?"}

Confirm = Callable[[Sequence[str]], bool]  # takes the changes that lose data, as lines


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str  # Add, Modify, Remove …
    replaces: bool  # or may, which CloudFormation finds out only while it updates
    logical_id: str
    type: str

    @property
    def loses_data(self) -> bool:
        """Whether it deletes or replaces a resource that holds orders, secrets or packages."""
        return (self.replaces or self.action == "Remove") and self.type in STATEFUL

    def __str__(self) -> str:
        """`~ ProcessOrder (AWS::Lambda::Function)`"""
        replaced = ", replaced by another" if self.replaces else ""
        return f"{SIGNS.get(self.action, '~')} {self.logical_id} ({self.type}){replaced}"


@dataclass(frozen=True)
class Version:
    """A deployed template with its parameters, from which it can be deployed again."""

    template: str
    parameters: Mapping[str, str]
    defaults: Mapping[str, str]

    @property
    def set_earlier(self) -> list[str]:
        """Parameters with another value than the template's default."""
        return [name for name, value in self.parameters.items() if value != self.defaults.get(name)]

    def values(self) -> Values:
        """Its parameters; those that CloudFormation does not return keep their present values."""
        hidden = tuple(name for name, value in self.parameters.items() if value == HIDDEN)
        return Values({name: value for name, value in self.parameters.items() if name not in hidden}, hidden)


def deployed_version(stacks: Stacks, stack: Stack | None) -> Version | None:
    """The version that is deployed, or None."""
    if stack is None or stack.status in FAILED_CREATE:
        return None
    return Version(stacks.template(stack.name), stack.parameters, stacks.defaults(stack.name))


@dataclass(frozen=True)
class Target:
    """What a stack is to become."""

    name: str
    source: Mapping[str, str]  # TemplateURL or TemplateBody
    values: Values
    tags: Mapping[str, str]
    left_out: frozenset[str] = frozenset()  # resources that the template's conditions leave out


def create_or_update(
    stacks: Stacks, target: Target, current: Stack | None, step: Step, confirm: Confirm
) -> tuple[Stack, bool]:
    """Create or update a stack: the stack, and whether it changed. Raises StackError, Refused."""
    step.update("creating a change set")
    change_set = create_change_set(stacks, target, is_new=current is None)
    if change_set is None:
        assert current is not None  # creating a stack is always a change
        step.result = "no changes"
        return current, False
    found = read_changes(stacks, change_set)
    changes = [
        change for change in found if change.action != "Add" or change.logical_id not in target.left_out
    ]
    show(changes, step, is_new=current is None)
    losses = [str(change) for change in changes if change.loses_data]
    if losses and not confirm(losses):
        stacks.client.delete_change_set(ChangeSetName=change_set)
        raise Refused(f"{target.name} is unchanged: the change would have lost data. --yes confirms that.")
    progress = ResourceProgress([change.logical_id for change in changes], step)
    stack = stacks.execute(target.name, change_set, progress)
    step.result = f"{counted(progress.done, 'resource')} {'created' if current is None else 'changed'}"
    return stack, True


def create_change_set(stacks: Stacks, target: Target, *, is_new: bool) -> str | None:
    """The id of a new change set; None if it would change nothing. Raises StackError."""
    request: dict[str, Any] = {
        "StackName": target.name,
        "ChangeSetName": f"deploy-{secrets.token_hex(8)}",
        "ChangeSetType": "CREATE" if is_new else "UPDATE",
        "Capabilities": CAPABILITIES,
        "Parameters": target.values.request(),
        "Tags": [{"Key": key, "Value": value} for key, value in target.tags.items()],
        **target.source,
    }
    try:
        change_set = stacks.client.create_change_set(**request)["Id"]
    except ClientError as refusal:
        error = refusal.response["Error"]
        if error.get("Code") != "ValidationError":
            raise
        raise StackError(f"CloudFormation rejects {target.name}: {error.get('Message')}") from refusal
    status, reason = _wait(stacks, change_set)
    if status == "CREATE_COMPLETE":
        return change_set
    stacks.client.delete_change_set(ChangeSetName=change_set)
    if any(text in reason for text in NO_CHANGES):
        return None
    raise StackError(f"CloudFormation rejects {target.name}: {reason}")


def _wait(stacks: Stacks, change_set: str) -> tuple[str, str]:
    """The change set's status and its reason, once it has been created or has failed."""
    while True:
        found = stacks.client.describe_change_set(ChangeSetName=change_set)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return found["Status"], found.get("StatusReason", "")
        time.sleep(stacks.poll_interval_s)


def read_changes(stacks: Stacks, change_set: str) -> list[Change]:
    """What a change set would do."""
    pages = stacks.client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    found = [each["ResourceChange"] for page in pages for each in page.get("Changes", [])]
    return [
        Change(
            each["Action"],
            each.get("Replacement") in ("True", "Conditional"),
            each["LogicalResourceId"],
            each["ResourceType"],
        )
        for each in found
    ]


def show(changes: Sequence[Change], step: Step, *, is_new: bool) -> None:
    """Print the changes; for a new stack only their number."""
    if is_new:
        step.print(f"{counted(len(changes), 'resource')} to create")
        return
    for change in changes:
        step.print(str(change), style="yellow" if change.replaces or change.action == "Remove" else "")
