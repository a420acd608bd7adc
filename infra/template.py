"""A template: its text, which is what is sent, and its parameters, which have to be given values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from .errors import ValidationError
from .package import TEMPLATES

SERVERLESS = "AWS::Serverless::Function"


@dataclass(frozen=True)
class Parameter:
    """One parameter; it needs a value if its default is None."""

    default: str | None
    description: str


@dataclass(frozen=True)
class Template:
    """One template of a stage."""

    part: str
    path: Path
    text: str
    parameters: Mapping[str, Parameter]
    outputs: frozenset[str]

    def with_code(self, location: str) -> Template:
        """The same with its functions' code at `location`, as `s3://BUCKET/KEY`; it must be JSON."""
        body = json.loads(self.text)
        for resource in body["Resources"].values():
            if resource["Type"] == SERVERLESS:
                resource["Properties"]["CodeUri"] = location
        return replace(self, text=json.dumps(body, indent=1))


def read(part: str, path: Path | None = None) -> Template:
    """A part's template: from `path`, or from templates/. Raises ValidationError if it is not one."""
    path = path or TEMPLATES / f"{part}.yaml"
    body, faults = decode(str(path))
    if body is None or faults:
        raise ValidationError(f"{path.name} can't be read: {'; '.join(fault.message for fault in faults)}")
    outputs = frozenset(str(name) for name in body.get("Outputs", {}))
    return Template(part, path, path.read_text(), parameters_of(body), outputs)


def parameters_of(body: Mapping[str, Any]) -> dict[str, Parameter]:
    """A template's parameters by name."""
    return {
        name: Parameter(_default(found), str(found.get("Description", "")))
        for name, found in body.get("Parameters", {}).items()
    }


def _default(found: Mapping[str, Any]) -> str | None:
    return str(found["Default"]) if "Default" in found else None
