"""All that is done before anything is sent: parameters looked at, package built, templates judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import package as packaging
from . import validation
from .package import MEGABYTE, Package
from .screen import Screen
from .stage import ARTIFACTS, Stage
from .template import Template, check_names, parse_settings, read


@dataclass(frozen=True)
class Plan:
    """What is to be deployed."""

    stage: Stage
    chosen: Mapping[str, str]  # by --set
    package: Package
    artifacts: Template
    templates: Sequence[Template]  # of the stage's parts, in their order

    def values_for(self, part: str) -> dict[str, str]:
        """The values that were asked for: --set goes before the stage's file."""
        return {**self.stage.parameters[part], **self.chosen}

    def later_outputs(self, part: str) -> set[str]:
        """Names of the values that the templates before `part` will give."""
        before = self.stage.parts[: self.stage.parts.index(part)]
        return {name for template in self.templates if template.part in before for name in template.outputs}


def prepare(stage: Stage, settings: Sequence[str], folder: Path, region: str, screen: Screen) -> Plan:
    """Make the plan; the package goes into `folder`. Raises StageError, PackageError, ValidationError."""
    sources = [read(part) for part in stage.parts]
    chosen = parse_settings(settings, sources)
    for source in sources:
        check_names(source, (*stage.parameters[source.part], *stage.required[source.part]))
    with screen.step("package") as step:
        package = packaging.build(folder)
        step.result = f"{package.size / MEGABYTE:.1f} MB, {package.runtime}"
    merged = read("engine", package.template)
    templates = [merged if source.part == "engine" else source for source in sources]
    artifacts = read(ARTIFACTS)
    with screen.step("validate") as step:
        doubts = validation.validate([each.path for each in (artifacts, *templates)], [region])
        for doubt in doubts:
            step.say(doubt.strip(), style="yellow")
        step.result = f"{len(templates) + 1} templates for {region}: " + (
            f"{len(doubts)} doubts" if doubts else "no findings"
        )
    return Plan(stage, chosen, package, artifacts, templates)
