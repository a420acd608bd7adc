"""What CloudFormation tells of a stack and of a change to it; which states it can be stuck in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HIDDEN = "****"  # what CloudFormation says of a NoEcho parameter

UNMADE = ("REVIEW_IN_PROGRESS",)  # a change set was made and never executed: there is no stack yet
STILLBORN = ("ROLLBACK_COMPLETE",)
DATABASE_PROTECTION = "DatabaseDeletionProtection"  # the parameter; the cluster goes by its stack's name
UNPROTECT = (
    "aws rds modify-db-cluster --db-cluster-identifier {name} --no-deletion-protection --apply-immediately"
)
DELETE = "aws cloudformation delete-stack --stack-name {name}"
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}",
    "UPDATE_FAILED": "aws cloudformation rollback-stack --stack-name {name}",
    "CREATE_FAILED": DELETE,
    "ROLLBACK_FAILED": DELETE,
    "DELETE_FAILED": DELETE,
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

    @property
    def keeps_its_database(self) -> bool:
        """Whether its database refuses to be deleted."""
        return self.parameters.get(DATABASE_PROTECTION) == "on"

    @property
    def is_wreck(self) -> bool:
        """Whether nothing but deleting it is left."""
        return self.status in STILLBORN or STUCK.get(self.status) == DELETE

    @property
    def way_out(self) -> list[str]:
        """The commands that put it right, when it is stuck."""
        commands = [UNPROTECT] if self.is_wreck and self.keeps_its_database else []
        return [command.format(name=self.name) for command in (*commands, STUCK[self.status])]


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str  # Add, Modify, Remove …
    replaces: bool  # or may, which only CloudFormation finds out
    logical_id: str
    type: str
