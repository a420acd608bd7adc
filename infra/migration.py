"""The database's schema: the deployed Migrate function is called, and waited for, once.

A function of a VPC that nobody has called for weeks is asleep. Lambda refuses the call that wakes it up and,
for some minutes, those that follow; the function has not run then, and is called again.
"""

from __future__ import annotations

import json
import time

from botocore.exceptions import BotoCoreError, ClientError
from types_boto3_lambda.type_defs import InvocationResponseTypeDef

from .aws import Aws
from .errors import MigrationError

ASLEEP = ("ResourceNotReadyException", "CodeArtifactUserPendingException")
AWAKE_WITHIN_S = 300.0


def migrate(aws: Aws, function: str) -> list[str]:
    """Bring the schema up to date: the names of the migrations that were applied. Raises MigrationError."""
    try:
        answer = _invoke(aws, function)
        said = answer["Payload"].read().decode(errors="replace")
    except (BotoCoreError, ClientError) as error:
        raise MigrationError(f"{function} could not be called, or did not answer: {error}") from error
    if "FunctionError" in answer:
        raise MigrationError(f"The migration failed: {_message(said)}")
    try:
        return [str(name) for name in json.loads(said)["applied"]]
    except (ValueError, KeyError, TypeError):
        raise MigrationError(f"{function} did not say what it applied: {said[:500]}") from None


def _invoke(aws: Aws, function: str) -> InvocationResponseTypeDef:
    """Call the function as soon as it is awake."""
    deadline = time.monotonic() + AWAKE_WITHIN_S
    while True:
        try:
            return aws.functions.invoke(FunctionName=function, Payload=b"{}")
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") not in ASLEEP or time.monotonic() > deadline:
                raise
        time.sleep(aws.poll_interval_s)


def _message(said: str) -> str:
    """What a function that raised tells of it."""
    try:
        found = json.loads(said)
        kind, message = found.get("errorType"), found["errorMessage"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return said[:1000]
    return f"{kind}: {message}" if kind else str(message)
