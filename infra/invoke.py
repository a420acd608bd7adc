"""Calls a deployed function once, and waits for its answer.

Lambda makes a VPC function inactive after weeks without calls. It refuses the call that activates the
function again and, for some minutes, those after it. The function has not run then, so the call is repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from types_boto3_lambda.type_defs import InvocationResponseTypeDef

from .aws import Aws
from .errors import FunctionFailed, MigrationError

INACTIVE = ("ResourceNotReadyException", "CodeArtifactUserPendingException")
ACTIVATION_TIMEOUT_S = 300.0


def migrate(aws: Aws, function: str) -> list[str]:
    """Migrate the database's schema: the names of the applied migrations. Raises MigrationError."""
    try:
        answer = invoke(aws, function, {})
    except FunctionFailed as error:
        raise MigrationError(f"The migration failed: {error}") from error
    try:
        return [str(name) for name in answer["applied"]]
    except (KeyError, TypeError):
        raise MigrationError(f"{function} did not return the applied migrations: {answer!r:.500}") from None


def invoke(aws: Aws, function: str, event: Mapping[str, object]) -> Any:
    """What the function returns for the event. Raises FunctionFailed."""
    try:
        answer = _invoke(aws, function, json.dumps(event).encode())
        payload = answer["Payload"].read().decode(errors="replace")
    except (BotoCoreError, ClientError) as error:
        raise FunctionFailed(f"{function} could not be called, or did not answer: {error}") from error
    if "FunctionError" in answer:
        raise FunctionFailed(_error_message(payload))
    try:
        return json.loads(payload)
    except ValueError:
        raise FunctionFailed(f"{function} did not return JSON: {payload[:500]}") from None


def _invoke(aws: Aws, function: str, event: bytes) -> InvocationResponseTypeDef:
    """Invoke the function, as soon as it is active."""
    deadline = time.monotonic() + ACTIVATION_TIMEOUT_S
    while True:
        try:
            return aws.functions.invoke(FunctionName=function, Payload=event)
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") not in INACTIVE or time.monotonic() > deadline:
                raise
        time.sleep(aws.poll_interval_s)


def _error_message(payload: str) -> str:
    """The exception that a function raised, as a text."""
    try:
        found = json.loads(payload)
        kind, message = found.get("errorType"), found["errorMessage"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return payload[:1000]
    return f"{kind}: {message}" if kind else str(message)
