"""Launcher of a deployed function that serves a shard."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping

from . import clients as aws

Payload = Callable[[int], Mapping[str, object]]


def relay_event(shard: int) -> Mapping[str, object]:
    """The event of a relay."""
    return {"shard": shard}


def scheduled_event(shard: int) -> Mapping[str, object]:
    """The event of a scheduled function as EventBridge sends it, with the shard in its detail."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Shard",
        "source": "order-engine",
        "account": "",
        "time": "",
        "region": "",
        "resources": [],
        "detail": {"shard": shard},
    }


class LambdaLauncher:
    """`ports.live.ShardLauncher` through an asynchronous Lambda invocation."""

    def __init__(self, function: str, *, payload: Payload = relay_event, endpoint_url: str = "") -> None:
        self._function = function
        self._payload = payload
        self._lambda = aws.connect("lambda", endpoint_url)

    async def launch(self, shard: int) -> None:
        with aws.available(f"The function {self._function} cannot be started right now."):
            await asyncio.to_thread(
                self._lambda.invoke,
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps(self._payload(shard)),
            )
