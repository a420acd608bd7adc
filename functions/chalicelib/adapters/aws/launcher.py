"""Launcher of the deployed relay function."""

from __future__ import annotations

import asyncio
import json

from . import clients as aws


class LambdaRelayLauncher:
    """`ports.live.RelayLauncher` through an asynchronous Lambda invocation."""

    def __init__(self, function: str, *, endpoint_url: str = "") -> None:
        self._function = function
        self._lambda = aws.connect("lambda", endpoint_url)

    async def launch(self, shard: int) -> None:
        with aws.available("No relay can be started right now."):
            await asyncio.to_thread(
                self._lambda.invoke,
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"shard": shard}),
            )
