"""The errors that end a command; each message has the remedy. __main__.py maps them to exit codes.

InfraError
├── PackageError      the package could not be built, or would not run on Lambda
├── ValidationError   CloudFormation would reject a template
├── StageError        no such stage, or a parameter that no template has
├── AwsError          AWS could not be reached, or rejects the credentials
├── StackError        a stack could not be created, updated or deleted
├── FunctionFailed    a function of the engine could not be called, or raised
├── MigrationError    the database's schema could not be brought up to date
├── FirstKeyError     the deployment's first API key could not be made or read
├── HaltError         trading could not be halted, or goes on being halted
├── SmokeError        the engine is deployed, but an order is not confirmed
└── Refused           a protected stage, or a change that would lose data and was not confirmed
"""

from __future__ import annotations


class InfraError(Exception):
    """The command can't continue."""


class PackageError(InfraError):
    """The package could not be built, or would not run on Lambda."""


class ValidationError(InfraError):
    """CloudFormation would reject a template."""


class StageError(InfraError):
    """No such stage, or a parameter that no template has."""


class AwsError(InfraError):
    """AWS could not be reached, or rejects the credentials."""


class StackError(InfraError):
    """A stack could not be created, updated or deleted."""


class FunctionFailed(InfraError):
    """A function of the engine could not be called, or raised."""


class MigrationError(InfraError):
    """The database's schema could not be brought up to date."""


class FirstKeyError(InfraError):
    """The deployment's first API key could not be made or read."""


class HaltError(InfraError):
    """Trading could not be halted, or goes on being halted."""


class SmokeError(InfraError):
    """The engine is deployed, but an order is not confirmed."""


class Refused(InfraError):
    """A protected stage, or a change that would lose data and was not confirmed."""
