"""Migrates the database's schema: invokes the deployed Migrate function once and waits for it."""

from __future__ import annotations

from .aws import Aws
from .errors import FunctionFailed, MigrationError
from .invoke import invoke


def migrate(aws: Aws, function: str) -> list[str]:
    """Migrate the schema: the names of the applied migrations. Raises MigrationError."""
    try:
        answer = invoke(aws, function, {})
    except FunctionFailed as error:
        raise MigrationError(f"The migration failed: {error}") from error
    try:
        return [str(name) for name in answer["applied"]]
    except (KeyError, TypeError):
        raise MigrationError(f"{function} did not return the applied migrations: {answer!r:.500}") from None
