"""Templates checked before anything is sent: by cfn-lint, and by applying the SAM transform."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from cfnlint.api import ManualArgs, lint_by_config
from cfnlint.decode import decode
from cfnlint.exceptions import InvalidRegionException
from cfnlint.rules import Match
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template

from local.terminal import counted

from .errors import StageError, ValidationError
from .package import functions

logging.getLogger("samtranslator").addHandler(logging.NullHandler())  # it logs metrics of its own

SAM_TRANSFORM = "AWS::Serverless-2016-10-31"


def validate(paths: Sequence[Path], regions: Sequence[str]) -> list[str]:
    """Warnings about the templates. Raises ValidationError for errors, StageError for an unknown region."""
    errors: list[str] = []
    warnings: list[str] = []
    for match in _lint(paths, regions):
        (errors if match.rule.severity == "error" else warnings).append(_line(match))
    if not errors:
        for path in paths:
            template, _ = decode(str(path))
            errors += [f"  {path.name}: {message} [SAM]" for message in sam_errors(template, regions[0])]
    if errors:
        raise ValidationError(
            "\n".join([f"CloudFormation would reject this ({counted(len(errors), 'finding')}):", *errors])
        )
    return warnings


def _lint(paths: Sequence[Path], regions: Sequence[str]) -> list[Match]:
    """The findings of cfn-lint; one run for all templates, because it loads its rules for each run."""
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
