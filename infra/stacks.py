"""A stack from one version to the next: change set → what it would do → do it → every event until it is done.

nothing there            create
its first creation failed   delete what is left, then create
there and at rest        update, or nothing if nothing would change
at work, or stuck        StackError, which says what to do
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from types_boto3_cloudformation.type_defs import ParameterTypeDef

from .aws import Aws
from .errors import StackError
from .events import Event, failures, follow
from .stack import STILLBORN, STUCK, UNMADE, Change, Stack

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")  # it has no code for this


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._client = aws.cloudformation

    def find(self, name: str) -> Stack | None:
        """The stack of that name or id, or None."""
        try:
            [found] = self._client.describe_stacks(StackName=name)["Stacks"]
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

    def template(self, name: str) -> str:
        """The template that the stack was last given."""
        body: Any = self._client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body, indent=1)

    def defaults(self, name: str) -> dict[str, str]:
        """The defaults of the parameters of the template that the stack was last given."""
        found = self._client.get_template_summary(StackName=name).get("Parameters", [])
        return {each["ParameterKey"]: each.get("DefaultValue", "") for each in found}

    def resources(self, name: str) -> dict[str, str]:
        """The physical ids of the stack's resources, by logical id."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=name)
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def find_at_rest(self, name: str) -> Stack | None:
        """The stack, if there is one; StackError if it is at work, or stuck."""
        stack = self.find(name)
        if stack is None or stack.status in UNMADE:
            return None
        if stack.status in STUCK:
            todo = "\n  ".join(stack.way_out)
            raise StackError(f"{name} is {stack.status} and has to be put right first:\n  {todo}")
        if stack.status.endswith("_IN_PROGRESS"):
            raise StackError(
                f"{name} is {stack.status}: somebody is deploying it now. Run this again when that is done."
            )
        return stack

    def clear(self, stack: Stack | None) -> Stack | None:
        """The stack, if it can be updated; what a failed first creation left, which can't, is deleted."""
        if stack and stack.status in STILLBORN:
            self.delete(stack.name, lambda event: None)
            return None
        return stack

    def propose(
        self,
        name: str,
        source: Mapping[str, str],
        parameters: Sequence[ParameterTypeDef],
        tags: Mapping[str, str],
        *,
        create: bool,
    ) -> tuple[str, list[Change]] | None:
        """A change set's id and what it would do; None if it would do nothing. Raises StackError."""
        request: dict[str, Any] = {
            "StackName": name,
            "ChangeSetName": f"deploy-{secrets.token_hex(8)}",
            "ChangeSetType": "CREATE" if create else "UPDATE",
            "Capabilities": CAPABILITIES,
            "Parameters": list(parameters),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            **source,
        }
        try:
            change_set = self._client.create_change_set(**request)["Id"]
        except ClientError as refusal:
            said = refusal.response["Error"]
            if said.get("Code") != "ValidationError":
                raise
            raise StackError(
                f"CloudFormation does not take {name} as it is: {said.get('Message')}"
            ) from refusal
        status, reason = self._settled(change_set)
        if status == "CREATE_COMPLETE":
            return change_set, self._changes(change_set)
        self.discard(change_set)
        if any(text in reason for text in NOTHING_TO_DO):
            return None
        raise StackError(f"CloudFormation does not take {name} as it is: {reason}")

    def discard(self, change_set: str) -> None:
        """Forget a change set."""
        self._client.delete_change_set(ChangeSetName=change_set)

    def execute(self, name: str, change_set: str, tell: Callable[[Event], None]) -> Stack:
        """Carry out a change set, telling each event. Raises StackError with the reasons of a failure."""
        token = secrets.token_hex(16)
        self._client.execute_change_set(ChangeSetName=change_set, ClientRequestToken=token)
        return self._end(name, token, tell, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))

    def delete(self, name: str, tell: Callable[[Event], None]) -> None:
        """Delete a stack, telling each event. Raises StackError with the reasons of a failure."""
        stack = self.find(name)
        if stack is None:
            return
        token = secrets.token_hex(16)
        self._client.delete_stack(StackName=stack.id, ClientRequestToken=token)
        self._end(stack.id, token, tell, ("DELETE_COMPLETE",))

    def protect(self, name: str) -> None:
        """From now on the stack can't be deleted."""
        self._client.update_termination_protection(StackName=name, EnableTerminationProtection=True)

    def _end(self, name: str, token: str, tell: Callable[[Event], None], wanted: tuple[str, ...]) -> Stack:
        stack = self.find(name)
        assert stack is not None  # it was there a moment ago, and its id is known for 90 days
        events = []
        for event in follow(self._client, stack.id, token, self._aws.poll_interval_s):
            events.append(event)
            tell(event)
        ended = self.find(stack.id)
        assert ended is not None
        if ended.status not in wanted:
            raise StackError("\n".join([f"{ended.name} is {ended.status}:", *failures(events)]))
        return ended

    def _settled(self, change_set: str) -> tuple[str, str]:
        """The change set's status and its reason, once it is made or has failed."""
        while True:
            found = self._client.describe_change_set(ChangeSetName=change_set)
            if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return found["Status"], found.get("StatusReason", "")
            time.sleep(self._aws.poll_interval_s)

    def _changes(self, change_set: str) -> list[Change]:
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
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
