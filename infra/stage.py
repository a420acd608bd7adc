"""A stage: its name, its templates, and the values of their parameters.

stages/NAME.json holds a block of parameters for each template; a template without a block is left out. A team
with a database of its own writes a file with an `engine` block alone. A value of null must be given with
--set when the stage is first deployed.

A parameter's value is the first of these that exists:

    --set Name=Value, the stage's file, an output of that name of an earlier stack, the value set by an
    earlier deployment, the template's default

A value set by an earlier deployment is one that differs from the default of the template deployed then, so an
address given once with --set stays in later deployments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from types_boto3_cloudformation.type_defs import ParameterTypeDef

from .errors import StageError
from .template import Template

STAGES = Path(__file__).parent / "stages"
PARTS = ("network", "data", "engine")  # each may use the outputs of those before it
ARTIFACTS = "artifacts"  # the stack with the bucket of packages and templates
PROTECTION = "terminationProtection"

NAME = re.compile(r"[a-z][a-z0-9]{0,19}")  # no hyphen: stack names of `dev-data` and of data in `dev` collide


@dataclass(frozen=True)
class Stage:
    """Which templates, with which parameters."""

    name: str
    protected: bool  # whether its stacks have CloudFormation's termination protection
    parameters: Mapping[str, Mapping[str, str]]  # by part
    required: Mapping[str, frozenset[str]]  # by part: parameters that have to be given with --set

    @property
    def parts(self) -> tuple[str, ...]:
        """Its templates, in the order of their deployment."""
        return tuple(part for part in PARTS if part in self.parameters)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every stack of the stage."""
        return {"Project": "order-engine", "Stage": self.name}


def load_stage(name: str, folder: Path = STAGES) -> Stage:
    """The stage of that name. Raises StageError."""
    check_name(name)
    path = folder / f"{name}.json"
    try:
        content = json.loads(path.read_text())
        protected = content.pop(PROTECTION, False)
        parameters = {
            part: {key: parameter_text(value) for key, value in block.items() if value is not None}
            for part, block in content.items()
        }
        required = {
            part: frozenset(key for key, value in block.items() if value is None)
            for part, block in content.items()
        }
    except FileNotFoundError:
        raise StageError(
            f"There is no stage {name!r}; there are {stage_names(folder)}. "
            f"A new one is a file: infra/stages/{name}.json"
        ) from None
    except (ValueError, AttributeError) as error:
        raise StageError(f"infra/stages/{name}.json is not an object of objects: {error}") from error
    if unknown := [part for part in parameters if part not in PARTS]:
        raise StageError(
            f"infra/stages/{name}.json names {', '.join(unknown)}; the templates are {', '.join(PARTS)}."
        )
    if "engine" not in parameters:
        raise StageError(f'infra/stages/{name}.json has no "engine", which every stage needs.')
    return Stage(name, bool(protected), parameters, required)


def stage_names(folder: Path = STAGES) -> str:
    """The names of all stages, as a text."""
    return ", ".join(sorted(path.stem for path in folder.glob("*.json")))


def check_name(name: str) -> None:
    """Raises StageError unless `name` can be a stage's name."""
    if not NAME.fullmatch(name):
        raise StageError(
            f"{name!r} can't be a stage's name: a letter, then letters and digits, lower case, 20 at most."
        )


def stack_name(stage: str, part: str) -> str:
    """`order-engine-dev-data`; the engine's own stack is `order-engine-dev`."""
    return f"order-engine-{stage}" if part == "engine" else f"order-engine-{stage}-{part}"


def parameter_text(value: object) -> str:
    """A parameter's value as CloudFormation takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(parameter_text(each) for each in value)
    return str(value)


@dataclass(frozen=True)
class Values:
    """The values of one template's parameters; those named in `previous` stay as they are in the stack."""

    given: Mapping[str, str]
    previous: tuple[str, ...]

    def request(self) -> list[ParameterTypeDef]:
        """The values as a CloudFormation request."""
        given: list[ParameterTypeDef] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in self.given.items()
        ]
        return given + [{"ParameterKey": name, "UsePreviousValue": True} for name in self.previous]


def choose_values(
    template: Template,
    chosen: Mapping[str, str],
    outputs: Mapping[str, str],
    set_earlier: Iterable[str] = (),
    required: Collection[str] = (),
) -> Values:
    """The values of a template's parameters. Raises StageError if a necessary one is missing.

    `chosen` comes from --set and the stage's file, `outputs` from earlier stacks. `set_earlier` names the
    parameters set by an earlier deployment, `required` those that need a value in spite of their default.
    """
    known = template.parameters
    given = {name: value for name, value in {**outputs, **chosen}.items() if name in known}
    previous = tuple(name for name in set_earlier if name in known and name not in given)
    missing = [
        name
        for name in known
        if (known[name].default is None or name in required) and name not in (*given, *previous)
    ]
    if missing:
        lines = [f"  --set {name}=…   {known[name].description}" for name in missing]
        raise StageError(
            "\n".join([f"The {template.part} needs values that the stage's file does not give:", *lines])
        )
    return Values(given, previous)


def parse_settings(settings: Iterable[str], templates: Iterable[Template]) -> dict[str, str]:
    """`Name=Value` texts as a mapping. Raises StageError for a name that no template has."""
    known = {name: parameter for template in templates for name, parameter in template.parameters.items()}
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise StageError(f"--set takes Name=Value; {setting!r} has no `=`.")
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise StageError(
                f"No template of this stage has a parameter {name!r}.{hint} "
                f"They are: {', '.join(sorted(known))}."
            )
        found[name] = value
    return found


def check_names(template: Template, names: Iterable[str]) -> None:
    """Raises StageError if the stage's file gives the template an unknown parameter."""
    if unknown := [name for name in names if name not in template.parameters]:
        raise StageError(
            f'The stage\'s file gives "{template.part}" {", ".join(unknown)}, which {template.path.name} '
            f"does not take. It takes: {', '.join(sorted(template.parameters))}."
        )
