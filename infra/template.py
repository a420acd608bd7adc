"""A CloudFormation template as text, and what it says of its parameters and outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from .errors import ValidationError
from .package import TEMPLATES, functions


@dataclass(frozen=True)
class Parameter:
    """One parameter of a template; without a default it needs a value."""

    default: str | None
    description: str


@dataclass(frozen=True)
class Template:
    """One template of a stage."""

    part: str
    path: Path
    text: str  # as it is sent to CloudFormation
    parameters: Mapping[str, Parameter]
    outputs: frozenset[str]

    def with_code(self, location: str) -> Template:
        """A copy with its functions' code at `location`, an `s3://BUCKET/KEY`; the template must be JSON."""
        body = json.loads(self.text)
        for function in functions(body):
            function["CodeUri"] = location
        return replace(self, text=json.dumps(body, indent=1))


def read_template(part: str, path: Path | None = None) -> Template:
    """The template of a part, from `path` or from templates/. Raises ValidationError if it is malformed."""
    path = path or TEMPLATES / f"{part}.yaml"
    text = path.read_text()
    try:
        body = parse(text)
    except yaml.YAMLError as error:
        raise ValidationError(f"{path.name} can't be read: {error}") from error
    outputs = frozenset(str(name) for name in body.get("Outputs", {}))
    return Template(part, path, text, _parameters(body), outputs)


def _parameters(body: Mapping[str, Any]) -> dict[str, Parameter]:
    return {
        name: Parameter(
            str(found["Default"]) if "Default" in found else None, str(found.get("Description", ""))
        )
        for name, found in body.get("Parameters", {}).items()
    }


def parse(text: str) -> dict[str, Any]:
    """A template, YAML or JSON, with its short tags written out. Raises yaml.YAMLError.

    cfn-lint has such a loader too, whose import takes a second, which every command would pay.
    """
    body = yaml.load(text, _Loader)  # noqa: S506 - a safe loader with tags of its own
    if not isinstance(body, dict):
        raise yaml.YAMLError("it is not a mapping")
    return body


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short tags: `!Sub x` is {"Fn::Sub": "x"}."""


def _tag(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _tag)
