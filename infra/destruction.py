"""`destroy`: the stacks of a stage, the last first, and then the bucket of its packages.

What a template says to keep is kept, and named at the end: final snapshots of databases, mostly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cfnlint.decode import decode_str

from .aws import Aws, Bucket
from .errors import Refused
from .rollout import Counter
from .screen import Screen
from .stack import DATABASE_PROTECTION, UNMADE, Stack
from .stacks import Stacks
from .stage import ARTIFACTS, PARTS, stack_name

UNPROTECT = (
    "  aws cloudformation update-termination-protection "
    "--no-enable-termination-protection --stack-name {name}"
)


@dataclass
class Destruction:
    """One run of it."""

    aws: Aws
    stage: str
    screen: Screen

    def __post_init__(self) -> None:
        self._stacks = Stacks(self.aws)

    def find(self) -> list[tuple[str, Stack]]:
        """The stage's stacks by part, the last first. Raises Refused while one is protected."""
        parts = (ARTIFACTS, *PARTS)
        found = [(part, self._stacks.find(stack_name(self.stage, part))) for part in reversed(parts)]
        there = [(part, stack) for part, stack in found if stack]
        for _, stack in there:
            if stack.keeps_its_database and not stack.is_wreck:
                raise Refused(
                    f"The database of {self.stage} is protected against this. If you are sure, end that:\n"
                    f"  ./infra/deploy {self.stage} --set {DATABASE_PROTECTION}=off"
                )
        if protected := [stack.name for _, stack in there if stack.protected]:
            commands = "\n".join(UNPROTECT.format(name=name) for name in protected)
            raise Refused(
                f"{self.stage} is protected against this. If you are sure, take the protection away first:\n"
                f"{commands}"
            )
        return there

    def run(self, there: list[tuple[str, Stack]]) -> list[str]:
        """Delete them: what remains. Raises StackError."""
        remains: list[str] = []
        for part, stack in there:
            with self.screen.step(part) as step:
                remains += self._kept(stack)
                if part == ARTIFACTS and (bucket := stack.outputs.get("ArtifactsBucket")):
                    count = Bucket(self.aws, bucket).delete_objects()
                    step.say(f"{count} packages and templates deleted")
                counter = Counter(self._stacks.resources(stack.name), step)
                self._stacks.delete(stack.name, counter)
                step.result = f"{stack.name} deleted, {counter.done} resources"
        return remains

    def _kept(self, stack: Stack) -> list[str]:
        """What the stack's template says to keep."""
        if stack.status in UNMADE:
            return []
        body: Any = decode_str(self._stacks.template(stack.name))[0] or {}
        policies = {
            name: found.get("DeletionPolicy", "Delete") for name, found in body.get("Resources", {}).items()
        }
        return [
            f"a final snapshot of {physical}" if policies.get(logical) == "Snapshot" else physical
            for logical, physical in self._stacks.resources(stack.name).items()
            if policies.get(logical) in ("Snapshot", "Retain")
        ]
