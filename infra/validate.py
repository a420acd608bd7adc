"""Templates checked before anything is sent: by cfn-lint, and by applying the SAM transform.

Both take seconds, most of them to load rules. So templates without an error are remembered by their content
in `.local/validated/`, with their warnings, and checked again once they or the checkers change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from local.client.commands.terminal import counted

from .errors import StageError, ValidationError
from .package import ROOT, functions
from .template import parse

if TYPE_CHECKING:
    from cfnlint.rules import Match

VALIDATED = ROOT / ".local" / "validated"  # any file may be deleted at any time
CHECKERS = ("cfn-lint", "aws-sam-translator", "boto3")
SAM_TRANSFORM = "AWS::Serverless-2016-10-31"


def validate(paths: Sequence[Path], regions: Sequence[str]) -> list[str]:
    """Warnings about the templates. Raises ValidationError for errors, StageError for an unknown region."""
    known = VALIDATED / _key(paths, regions)
    try:
        warnings: list[str] = json.loads(known.read_text())
    except (OSError, ValueError):  # not validated yet, or written by half
        warnings = _check(paths, regions)
        _remember(known, warnings)
    return warnings


def _key(paths: Sequence[Path], regions: Sequence[str]) -> str:
    """A hash of the templates, the regions and the versions of the checkers."""
    versions = [importlib.metadata.version(name) for name in CHECKERS]
    texts = [f"{path.name}\n{path.read_text()}" for path in paths]
    return hashlib.sha256(json.dumps([versions, [*regions], texts]).encode()).hexdigest()


def _remember(known: Path, warnings: list[str]) -> None:
    try:
        known.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=known.parent, delete=False) as new:
            json.dump(warnings, new)
        Path(new.name).replace(known)
    except OSError:  # a full disk, or a checkout that is not ours to write to
        return


def _check(paths: Sequence[Path], regions: Sequence[str]) -> list[str]:
    errors: list[str] = []
    warnings: list[str] = []
    for match in _lint(paths, regions):
        (errors if match.rule.severity == "error" else warnings).append(_line(match))
    if not errors:
        for path in paths:
            found = sam_errors(parse(path.read_text()), regions[0])
            errors += [f"  {path.name}: {message} [SAM]" for message in found]
    if errors:
        raise ValidationError(
            "\n".join([f"CloudFormation would reject this ({counted(len(errors), 'finding')}):", *errors])
        )
    return warnings


def _lint(paths: Sequence[Path], regions: Sequence[str]) -> list[Match]:
    """The findings of cfn-lint; one run for all templates, because it loads its rules for each run."""
    from cfnlint.api import ManualArgs, lint_by_config
    from cfnlint.exceptions import InvalidRegionException

    try:
        found: list[Match] = lint_by_config(
            ManualArgs(templates=[str(path) for path in paths], regions=list(regions))
        )
        return found
    except InvalidRegionException as error:
        raise StageError(f"AWS has no such region: {', '.join(regions)}.") from error


def _line(match: Match) -> str:
    """A finding as a line: place, message, rule."""
    place = "/".join(str(step) for step in getattr(match, "path", None) or ()) or f"line {match.linenumber}"
    return f"  {Path(match.filename).name} {place}: {match.message} [{match.rule.id}]"


def sam_errors(template: dict[str, Any], region: str) -> list[str]:
    """The errors of the SAM transform, as CloudFormation applies it. Changes `template`."""
    if template.get("Transform") != SAM_TRANSFORM:
        return []
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import to_py27_compatible_template

    logging.getLogger("samtranslator").addHandler(logging.NullHandler())  # it logs metrics of its own
    for function in functions(template):
        function["CodeUri"] = "s3://bucket/key"  # it is a local file until it is uploaded
    values: dict[str, Any] = {}
    to_py27_compatible_template(template, values)  # SAM names resources by hashes of Python 2.7's strings
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    try:
        translator.translate(template, values)
    except InvalidDocumentException as error:
        return [str(cause.message) for cause in error.causes]
    return []
