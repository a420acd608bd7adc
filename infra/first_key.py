"""The first API key of a deployment: made by its function Admin, which puts it into a secret, and read there.

The function is asked each time, and makes one only where there is none that is valid; the key itself is in no
answer, output or log.
"""

from __future__ import annotations

from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from .aws import Aws
from .errors import FirstKeyError, FunctionFailed
from .invoke import invoke


class FirstKey(NamedTuple):
    """The secret that holds the key, and whether it was made just now."""

    secret: str
    made: bool


def ensure_first_key(aws: Aws, function: str) -> FirstKey:
    """Have a key made unless there is one. Raises FirstKeyError."""
    try:
        answer = invoke(aws, function, {"action": "bootstrap"})
    except FunctionFailed as error:
        raise FirstKeyError(f"The first API key could not be made: {error}") from error
    try:
        return FirstKey(str(answer["secret"]), bool(answer["made"]))
    except (KeyError, TypeError):
        said = answer.get("error", answer) if isinstance(answer, dict) else answer
        raise FirstKeyError(f"The first API key could not be made: {said}") from None


def read_first_key(aws: Aws, secret: str) -> str:
    """The key. Raises FirstKeyError."""
    try:
        answer = aws.secrets.get_secret_value(SecretId=secret)
    except (BotoCoreError, ClientError) as error:
        raise FirstKeyError(
            f"The API key in {secret} can't be read, which the smoke order needs (--no-smoke leaves it out): "
            f"{error}"
        ) from error
    return str(answer["SecretString"])


def reading_command(aws: Aws, secret: str) -> str:
    """The shell command that puts the key where clients look for it."""
    where = (
        f"--endpoint-url {aws.endpoint} --region {aws.region}" if aws.endpoint else f"--region {aws.region}"
    )
    return (
        f"export ENGINE_API_KEY=$(aws secretsmanager get-secret-value {where} \\\n"
        f"    --secret-id {secret} --query SecretString --output text)"
    )
