"""The SAM transform, applied as CloudFormation will apply it, so that its objections are known before."""

from __future__ import annotations

import logging
from typing import Any

import boto3
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template

logging.getLogger("samtranslator").addHandler(logging.NullHandler())  # it talks of metrics of its own

TRANSFORM = "AWS::Serverless-2016-10-31"


def objections(template: dict[str, Any], region: str) -> list[str]:
    """What SAM has against a template, which it changes; nothing if it is not one of SAM's."""
    if template.get("Transform") != TRANSFORM:
        return []
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and "CodeUri" in properties:
            properties["CodeUri"] = "s3://bucket/key"  # it is a file of this machine until it is uploaded
    given: dict[str, Any] = {}
    to_py27_compatible_template(template, given)  # SAM names resources by hashes of an older Python's texts
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    try:
        translator.translate(template, given)
    except InvalidDocumentException as error:
        return [str(cause.message) for cause in error.causes]
    return []
