"""Which value each parameter of a template gets.

    --set Name=Value, then the stage's file, then an output of an earlier stack that has the parameter's name,
    then what was set by an earlier deployment, then the template's default.

What was set earlier is a value that differs from the default which the deployed template had: an address
given once with --set is not forgotten by the next deployment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from types_boto3_cloudformation.type_defs import ParameterTypeDef

from .errors import StageError
from .template import Template


@dataclass(frozen=True)
class Values:
    """The values of one template's parameters; those in `kept` stay what they are in the stack."""

    given: Mapping[str, str]
    kept: tuple[str, ...]

    def request(self) -> list[ParameterTypeDef]:
        """As CloudFormation is told of them."""
        given: list[ParameterTypeDef] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in self.given.items()
        ]
        return given + [{"ParameterKey": name, "UsePreviousValue": True} for name in self.kept]


def choose(
    template: Template,
    chosen: Mapping[str, str],
    outputs: Mapping[str, str],
    set_earlier: Iterable[str] = (),
    required: Collection[str] = (),
) -> Values:
    """The values; `chosen` is what was asked for. Raises StageError if one that is needed is missing."""
    known = template.parameters
    given = {name: value for name, value in {**outputs, **chosen}.items() if name in known}
    kept = tuple(name for name in set_earlier if name in known and name not in given)
    missing = [
        name
        for name in known
        if (known[name].default is None or name in required) and name not in (*given, *kept)
    ]
    if missing:
        lines = [f"  --set {name}=…   {known[name].description}" for name in missing]
        raise StageError(
            "\n".join([f"The {template.part} needs values that the stage's file does not give:", *lines])
        )
    return Values(given, kept)


def parse(settings: Iterable[str], templates: Iterable[Template]) -> dict[str, str]:
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


def check_names(template: Template, chosen: Iterable[str]) -> None:
    """Raises StageError if the stage's file gives the template a parameter that it has not."""
    if unknown := [name for name in chosen if name not in template.parameters]:
        raise StageError(
            f'The stage\'s file gives "{template.part}" {", ".join(unknown)}, which {template.path.name} '
            f"does not take. It takes: {', '.join(sorted(template.parameters))}."
        )
