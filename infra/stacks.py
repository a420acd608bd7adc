"""CloudFormation stacks: their state, their operations, and the events of an operation until it ends."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from types_boto3_cloudformation import CloudFormationClient
from types_boto3_cloudformation.type_defs import StackEventTypeDef

from .aws import Aws
from .errors import StackError

NEVER_CREATED = ("REVIEW_IN_PROGRESS",)  # a change set exists and was not executed: there are no resources
FAILED_CREATE = ("ROLLBACK_COMPLETE",)  # the only thing that such a stack allows is to delete it
DELETE = "aws cloudformation delete-stack --stack-name {name}"
RECOVERY = {  # what leads a stack out of these states
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}",
    "UPDATE_FAILED": "aws cloudformation rollback-stack --stack-name {name}",
    "CREATE_FAILED": DELETE,
    "ROLLBACK_FAILED": DELETE,
    "DELETE_FAILED": DELETE,
}
DATABASE_PROTECTION = "DatabaseDeletionProtection"  # the parameter; the cluster has its stack's name
UNPROTECT_DATABASE = (
    "aws rds modify-db-cluster --db-cluster-identifier {name} --no-deletion-protection --apply-immediately"
)


@dataclass(frozen=True)
class Stack:
    """A stack as CloudFormation describes it."""

    name: str
    id: str
    status: str
    protected: bool
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def is_in_progress(self) -> bool:
        """Whether an operation on it is running."""
        return self.status.endswith("_IN_PROGRESS") and self.status not in NEVER_CREATED

    @property
    def database_protected(self) -> bool:
        """Whether its database refuses to be deleted."""
        return self.parameters.get(DATABASE_PROTECTION) == "on"

    @property
    def must_be_deleted(self) -> bool:
        """Whether its creation or deletion failed, so that it can only be deleted."""
        return self.status in FAILED_CREATE or RECOVERY.get(self.status) == DELETE

    @property
    def recovery_commands(self) -> list[str]:
        """The commands that lead it out of a failed state."""
        commands = [UNPROTECT_DATABASE] if self.must_be_deleted and self.database_protected else []
        return [command.format(name=self.name) for command in (*commands, RECOVERY[self.status])]


@dataclass(frozen=True)
class Event:
    """A change of one resource's status."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str
    is_of_stack: bool

    @property
    def is_final(self) -> bool:
        """Whether no operation on the resource is running after it."""
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def is_failure(self) -> bool:
        """Whether an operation on the resource failed."""
        return self.status.endswith("_FAILED")


OnEvent = Callable[[Event], None]


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, aws: Aws) -> None:
        self.client = aws.cloudformation
        self.poll_interval_s = aws.poll_interval_s

    def find(self, name: str) -> Stack | None:
        """The stack of that name or id, or None."""
        try:
            [found] = self.client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") == "ValidationError":
                return None
            raise
        return Stack(
            found["StackName"],
            found["StackId"],
            found["StackStatus"],
            bool(found.get("EnableTerminationProtection")),
            {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
            {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        )

    def find_updatable(self, name: str) -> Stack | None:
        """The stack, if it exists. Raises StackError while an operation is running, or after a failed one."""
        stack = self.find(name)
        if stack is None or stack.status in NEVER_CREATED:
            return None
        if stack.status in RECOVERY:
            commands = "\n  ".join(stack.recovery_commands)
            raise StackError(f"{name} is {stack.status} and has to be repaired first:\n  {commands}")
        if stack.is_in_progress:
            raise StackError(
                f"{name} is {stack.status}: another operation is running. Run this again when it has ended."
            )
        return stack

    def template(self, name: str) -> str:
        """The template of the stack's last operation."""
        body: Any = self.client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body, indent=1)

    def defaults(self, name: str) -> dict[str, str]:
        """The defaults of that template's parameters."""
        found = self.client.get_template_summary(StackName=name).get("Parameters", [])
        return {each["ParameterKey"]: each.get("DefaultValue", "") for each in found}

    def resources(self, name: str) -> dict[str, str]:
        """The physical ids of the stack's resources, by logical id."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=name)
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def execute(self, name: str, change_set: str, on_event: OnEvent) -> Stack:
        """Execute a change set. Raises StackError with the reasons of a failure."""
        token = secrets.token_hex(16)
        self.client.execute_change_set(ChangeSetName=change_set, ClientRequestToken=token)
        return self._wait(name, token, on_event, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))

    def delete(self, name: str, on_event: OnEvent = lambda event: None) -> None:
        """Delete a stack. Raises StackError with the reasons of a failure."""
        stack = self.find(name)
        if stack is None:
            return
        token = secrets.token_hex(16)
        self.client.delete_stack(StackName=stack.id, ClientRequestToken=token)
        self._wait(stack.id, token, on_event, ("DELETE_COMPLETE",))

    def delete_failed_create(self, stack: Stack | None) -> Stack | None:
        """The stack, if it can be updated; one whose creation failed, and so cannot, is deleted."""
        if stack and stack.status in FAILED_CREATE:
            self.delete(stack.name)
            return None
        return stack

    def protect(self, name: str) -> None:
        """Turn on the stack's termination protection."""
        self.client.update_termination_protection(StackName=name, EnableTerminationProtection=True)

    def _wait(self, name: str, token: str, on_event: OnEvent, wanted: Sequence[str]) -> Stack:
        """Wait for the end of the operation started with `token`: the stack, in one of the wanted states."""
        stack = self.find(name)
        assert stack is not None  # it has just existed, and can be described by its id for 90 days
        events = []
        for event in watch(self.client, stack.id, token, self.poll_interval_s):
            events.append(event)
            on_event(event)
        ended = self.find(stack.id)
        assert ended is not None
        if ended.status not in wanted:
            raise StackError("\n".join([f"{ended.name} is {ended.status}:", *failure_reasons(events)]))
        return ended


def watch(client: CloudFormationClient, stack_id: str, token: str, interval_s: float) -> Iterator[Event]:
    """The events of the operation started with `token`, until it has ended."""
    seen: set[str] = set()
    ended = False
    while True:
        for event in _new_events(client, stack_id, token, seen):
            seen.add(event.id)
            ended = event.is_of_stack and event.is_final
            yield event
        if ended and _has_ended(client, stack_id):
            return
        time.sleep(interval_s)


def _new_events(client: CloudFormationClient, stack_id: str, token: str, seen: set[str]) -> list[Event]:
    """Events that are not in `seen`, oldest first; CloudFormation lists the newest first."""
    found: list[Event] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for raw in page["StackEvents"]:
            if raw["EventId"] in seen or raw.get("ClientRequestToken") != token:
                return found[::-1]  # this one and all older are known, or of an earlier operation
            found.append(_event(raw))
    return found[::-1]


def _event(raw: StackEventTypeDef) -> Event:
    return Event(
        raw["EventId"],
        raw.get("LogicalResourceId", ""),
        raw.get("ResourceType", ""),
        raw.get("ResourceStatus", ""),
        raw.get("ResourceStatusReason", ""),
        raw.get("PhysicalResourceId") == raw["StackId"],
    )


def _has_ended(client: CloudFormationClient, stack_id: str) -> bool:
    [stack] = client.describe_stacks(StackName=stack_id)["Stacks"]
    return not stack["StackStatus"].endswith("_IN_PROGRESS")


def failure_reasons(events: Sequence[Event]) -> list[str]:
    """A line for each resource that failed, without those that were cancelled because another failed."""
    failed = [event for event in events if event.is_failure and event.reason and not event.is_of_stack]
    causes = [event for event in failed if "cancelled" not in event.reason] or failed
    if not causes:
        causes = [event for event in events if event.is_of_stack and event.reason]
    return [f"  {event.logical_id} ({event.type}): {event.reason}" for event in causes]
