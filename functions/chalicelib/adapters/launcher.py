"""Starting the deployed relay function."""

from __future__ import annotations

import asyncio
import json

import boto3


class LambdaRelayLauncher:
    """`services.ports.RelayLauncher` through an asynchronous Lambda invocation."""

    def __init__(self, function: str, *, endpoint_url: str = "") -> None:
        self._function = function
        self._lambda = boto3.client("lambda", endpoint_url=endpoint_url or None)

    async def launch(self, shard: int) -> None:
        await asyncio.to_thread(
            self._lambda.invoke,
            FunctionName=self._function,
            InvocationType="Event",
            Payload=json.dumps({"shard": shard}),
        )
