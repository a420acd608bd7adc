"""One stack brought up to date, shown as it goes, and how to put it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import Refused
from .events import Event
from .screen import Step
from .stack import HIDDEN, STILLBORN, Change, Stack
from .stacks import Stacks
from .template import Values

# What cannot be made again once it is gone: changes that delete or replace one have to be agreed to.
KEEPS_STATE = (
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
)
SIGNS = {"Add": "+", "Remove": "-", "Modify": "~", "Import": "+", "Dynamic": "?"}

Agree = Callable[[Sequence[str]], bool]


@dataclass(frozen=True)
class Version:
    """What a stack was given, from which it can be given it again."""

    template: str
    parameters: Mapping[str, str]
    defaults: Mapping[str, str]

    @property
    def set_earlier(self) -> list[str]:
        """Parameters that somebody has given another value than the template's default."""
        return [name for name, value in self.parameters.items() if value != self.defaults.get(name)]

    def values(self) -> Values:
        """Its parameters; those that CloudFormation does not tell stay what they are now."""
        hidden = tuple(name for name, value in self.parameters.items() if value == HIDDEN)
        return Values({name: value for name, value in self.parameters.items() if name not in hidden}, hidden)


def version(stacks: Stacks, stack: Stack | None) -> Version | None:
    """The version that is deployed, or None."""
    if stack is None or stack.status in STILLBORN:
        return None
    return Version(stacks.template(stack.name), stack.parameters, stacks.defaults(stack.name))


@dataclass(frozen=True)
class Wanted:
    """What a stack is to be."""

    name: str
    source: Mapping[str, str]  # TemplateURL or TemplateBody
    values: Values
    tags: Mapping[str, str]


def roll_out(
    stacks: Stacks, wanted: Wanted, current: Stack | None, step: Step, agree: Agree
) -> tuple[Stack, bool]:
    """Bring a stack to what is wanted: it, and whether anything changed. Raises StackError, Refused."""
    step.at("asking what would change")
    proposal = stacks.propose(
        wanted.name, wanted.source, wanted.values.request(), wanted.tags, create=current is None
    )
    if proposal is None:
        assert current is not None  # a stack that is to be created has changes
        step.result = "no changes"
        return current, False
    change_set, changes = proposal
    show(changes, step, is_new=current is None)
    losing = [line(change) for change in changes if loses_state(change)]
    if losing and not agree(losing):
        stacks.discard(change_set)
        raise Refused(
            f"{wanted.name} stays as it was: what it keeps would have been lost. --yes agrees to that."
        )
    counter = Counter([change.logical_id for change in changes], step)
    stack = stacks.execute(wanted.name, change_set, counter)
    step.result = f"{counter.done} resources {'created' if current is None else 'changed'}"
    return stack, True


class Counter:
    """Counts the resources that are done, and tells of those that fail."""

    def __init__(self, resources: Iterable[str], step: Step) -> None:
        self._due = set(resources)  # logical ids
        self._total = len(self._due)
        self._step = step

    @property
    def done(self) -> int:
        """How many resources are at rest."""
        return self._total - len(self._due)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if event.is_failure and event.reason:
            self._step.say(f"{event.logical_id} {event.status}: {event.reason}", style="red")
        doing = f"{event.status} {event.logical_id} ({event.type})"
        if event.is_final and event.logical_id in self._due:
            self._due.remove(event.logical_id)
            self._step.did(doing, self.done, self._total)
        else:
            self._step.at(doing)


def show(changes: Sequence[Change], step: Step, *, is_new: bool) -> None:
    """Say what would change; of a new stack only how much."""
    if is_new:
        step.say(f"{len(changes)} resources to create")
        return
    for change in changes:
        step.say(line(change), style="yellow" if change.replaces or change.action == "Remove" else "")


def line(change: Change) -> str:
    """`~ ProcessOrder (AWS::Lambda::Function)`"""
    replaced = ", replaced by another" if change.replaces else ""
    return f"{SIGNS.get(change.action, '~')} {change.logical_id} ({change.type}){replaced}"


def loses_state(change: Change) -> bool:
    """Whether the change deletes or replaces what holds orders, secrets or packages."""
    return (change.replaces or change.action == "Remove") and change.type in KEEPS_STATE
