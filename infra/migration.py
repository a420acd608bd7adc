"""The database's schema: the deployed Migrate function is called, and waited for, once."""

from __future__ import annotations

import json

from .aws import Aws
from .errors import MigrationError


def migrate(aws: Aws, function: str) -> list[str]:
    """Bring the schema up to date: the names of the migrations that were applied. Raises MigrationError."""
    answer = aws.functions.invoke(FunctionName=function, Payload=b"{}")
    said = answer["Payload"].read().decode(errors="replace")
    if "FunctionError" in answer:
        raise MigrationError(f"The migration failed: {_message(said)}")
    try:
        return [str(name) for name in json.loads(said)["applied"]]
    except (ValueError, KeyError, TypeError):
        raise MigrationError(f"{function} did not say what it applied: {said[:500]}") from None


def _message(said: str) -> str:
    """What a function that raised tells of it."""
    try:
        found = json.loads(said)
        kind, message = found.get("errorType"), found["errorMessage"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return said[:1000]
    return f"{kind}: {message}" if kind else str(message)
