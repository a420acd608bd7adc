"""What happens to a stack's resources, as CloudFormation tells it, until the stack is at rest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from types_boto3_cloudformation import CloudFormationClient
from types_boto3_cloudformation.type_defs import StackEventTypeDef


@dataclass(frozen=True)
class Event:
    """One step of one resource."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str
    is_of_stack: bool

    @property
    def is_final(self) -> bool:
        """Whether the resource is at rest after it."""
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong."""
        return self.status.endswith("_FAILED")


def follow(client: CloudFormationClient, stack_id: str, token: str, interval_s: float) -> Iterator[Event]:
    """The events of the operation that was begun with `token`."""
    seen: set[str] = set()
    ended = False
    while True:
        for event in _since(client, stack_id, token, seen):
            seen.add(event.id)
            ended = event.is_of_stack and event.is_final
            yield event
        if ended and _at_rest(client, stack_id):
            return
        time.sleep(interval_s)


def failures(events: Sequence[Event]) -> list[str]:
    """A line for each resource that failed; those that were only stopped because of it are left out."""
    failed = [event for event in events if event.is_failure and event.reason and not event.is_of_stack]
    causes = [event for event in failed if "cancelled" not in event.reason] or failed
    if not causes:
        causes = [event for event in events if event.is_of_stack and event.reason]
    return [f"  {event.logical_id} ({event.type}): {event.reason}" for event in causes]


def _since(client: CloudFormationClient, stack_id: str, token: str, seen: set[str]) -> list[Event]:
    """Events that are not in `seen`, oldest first; CloudFormation gives the newest first."""
    found: list[Event] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for raw in page["StackEvents"]:
            if raw["EventId"] in seen or raw.get("ClientRequestToken") != token:
                return found[::-1]  # from here on it is all known, or of the operation before
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


def _at_rest(client: CloudFormationClient, stack_id: str) -> bool:
    [stack] = client.describe_stacks(StackName=stack_id)["Stacks"]
    return not stack["StackStatus"].endswith("_IN_PROGRESS")
