"""What CloudFormation tells of a stack and of a change to it; which states it can be stuck in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HIDDEN = "****"  # what CloudFormation says of a NoEcho parameter

UNMADE = ("REVIEW_IN_PROGRESS",)  # a change set was made and never executed: there is no stack yet
STILLBORN = ("ROLLBACK_COMPLETE",)
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}",
    "UPDATE_FAILED": "aws cloudformation rollback-stack --stack-name {name}",
    "CREATE_FAILED": "aws cloudformation delete-stack --stack-name {name}",
    "ROLLBACK_FAILED": "aws cloudformation delete-stack --stack-name {name}",
    "DELETE_FAILED": "aws cloudformation delete-stack --stack-name {name}",
}


@dataclass(frozen=True)
class Stack:
    """A stack as it is."""

    name: str
    id: str
    status: str
    protected: bool
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str  # Add, Modify, Remove …
    replaces: bool
    logical_id: str
    type: str
