"""A stage: its name, its templates, and the values of their parameters.

stages/NAME.json holds a block of parameters for each template; a template without a block is left out. A team
with a database of its own writes a file with an `engine` block alone. A value of null must be given with
--set when the stage is first deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import StageError

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


def load(name: str, folder: Path = STAGES) -> Stage:
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
