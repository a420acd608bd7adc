"""The administrator's first API key, in a secret of Secrets Manager that is the key and nothing else."""

from __future__ import annotations

import asyncio
import logging

from botocore.exceptions import ClientError

from . import clients as aws
from .secrets import connect

BODIES = "botocore.endpoint"  # logs each request whole at DEBUG
NO_VALUE = "ResourceNotFoundException"  # of a secret that was never written, as of one that there is not


class SecretKeptKey:
    """`ports.kept_key.KeptKey`, in the secret with that ARN."""

    def __init__(self, arn: str, *, endpoint_url: str = "") -> None:
        self._arn = arn
        self._client = connect(endpoint_url)
        logging.getLogger(BODIES).setLevel(logging.INFO)

    async def read(self) -> str | None:
        return await asyncio.to_thread(self._read)

    async def write(self, text: str) -> None:
        await asyncio.to_thread(self._write, text)

    def _read(self) -> str | None:
        with aws.available(f"The secret {self._arn} can't be read right now."):
            try:
                answer = self._client.get_secret_value(SecretId=self._arn)
            except ClientError as refusal:
                if refusal.response["Error"].get("Code") == NO_VALUE:
                    return None
                raise
        return answer.get("SecretString") or None

    def _write(self, text: str) -> None:
        with aws.available(f"The secret {self._arn} can't be written right now."):
            self._client.put_secret_value(SecretId=self._arn, SecretString=text)
