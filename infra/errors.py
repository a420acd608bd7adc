"""What ends a deployment; the message says what to do.

InfraError
├── PackageError      the package could not be built, or would not run on Lambda
├── ValidationError   a template would be refused
├── StageError        no such stage, or a parameter that no template has
├── AwsError          AWS could not be asked, or said no
├── StackError        a stack could not be created, updated or deleted
├── MigrationError    the database's schema could not be brought up to date
├── SmokeError        the engine is deployed and an order does not go through
└── Refused           the stage may not be destroyed as it is
"""

from __future__ import annotations


class InfraError(Exception):
    """The deployment can't go on."""


class PackageError(InfraError):
    """The package could not be built, or would not run on Lambda."""


class ValidationError(InfraError):
    """A template would be refused."""


class StageError(InfraError):
    """No such stage, or a parameter that no template has."""


class AwsError(InfraError):
    """AWS could not be asked, or said no."""


class StackError(InfraError):
    """A stack could not be created, updated or deleted."""


class MigrationError(InfraError):
    """The database's schema could not be brought up to date."""


class SmokeError(InfraError):
    """The engine is deployed and an order does not go through."""


class Refused(InfraError):
    """The stage may not be destroyed as it is."""
