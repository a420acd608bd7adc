"""Templates are judged here, before anything is sent: cfn-lint, which also applies the SAM transform."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cfnlint.api import ManualArgs, lint_file
from cfnlint.rules import Match

from .errors import ValidationError


def validate(paths: Iterable[Path], regions: Sequence[str]) -> list[str]:
    """What is doubtful in the templates. Raises ValidationError for what would be refused."""
    found = [match for path in paths for match in lint_file(path, ManualArgs(regions=list(regions)))]
    wrong = [line(match) for match in found if match.rule.severity == "error"]
    if wrong:
        raise ValidationError(
            "\n".join([f"CloudFormation would refuse this ({len(wrong)} findings of cfn-lint):", *wrong])
        )
    return [line(match) for match in found]


def line(match: Match) -> str:
    """A finding: where, what, and the rule."""
    where = "/".join(str(step) for step in getattr(match, "path", None) or ()) or f"line {match.linenumber}"
    return f"  {Path(match.filename).name} {where}: {match.message} [{match.rule.id}]"
