"""Templates are judged here, before anything is sent: by cfn-lint, and by SAM, whose transform is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cfnlint.api import ManualArgs, lint_file
from cfnlint.decode import decode
from cfnlint.exceptions import InvalidRegionException
from cfnlint.rules import Match

from .errors import StageError, ValidationError
from .sam import objections


def validate(paths: Iterable[Path], regions: Sequence[str]) -> list[str]:
    """What is doubtful in the templates. Raises ValidationError for what would be refused, and StageError."""
    wrong: list[str] = []
    doubtful: list[str] = []
    for path in paths:
        for match in _lint(path, regions):
            (wrong if match.rule.severity == "error" else doubtful).append(line(match))
        if not wrong:
            template, _ = decode(str(path))
            wrong += [f"  {path.name}: {said} [SAM]" for said in objections(template, regions[0])]
    if wrong:
        raise ValidationError(
            "\n".join([f"CloudFormation would refuse this ({len(wrong)} findings):", *wrong])
        )
    return doubtful


def _lint(path: Path, regions: Sequence[str]) -> list[Match]:
    try:
        found: list[Match] = lint_file(path, ManualArgs(regions=list(regions)))
        return found
    except InvalidRegionException as error:
        raise StageError(f"AWS has no such region: {', '.join(regions)}.") from error


def line(match: Match) -> str:
    """A finding: where, what, and the rule."""
    where = "/".join(str(step) for step in getattr(match, "path", None) or ()) or f"line {match.linenumber}"
    return f"  {Path(match.filename).name} {where}: {match.message} [{match.rule.id}]"
