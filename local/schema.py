"""The schema of the engine's database, brought up to date before anything serves."""

from __future__ import annotations

from chalicelib.migrations import MigrationError, migrate

from .servers import ServiceError


def apply_schema(database_url: str) -> list[str]:
    """Apply the migrations that are missing; their names. Raises ServiceError."""
    try:
        return migrate(database_url)
    except MigrationError as error:
        raise ServiceError(f"The schema could not be brought up to date. {error}") from error
