"""The way to SQS: its client, and its calls in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, TypeVar

from . import clients as aws

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

Result = TypeVar("Result")

MOST_AT_ONCE = 10  # messages that SQS gives or takes in a call


def connect(endpoint_url: str, *, tries: int = 2) -> SQSClient:
    """A client of AWS's SQS, or of an emulator's at `endpoint_url`; a try takes three seconds at most."""
    client: SQSClient = aws.connect("sqs", endpoint_url, tries=tries, connections=20)
    return client


async def available(call: Callable[[], Result], threads: Executor | None = None) -> Result:
    """What `call` gives, called in one of `threads`. Raises TemporarilyUnavailable while SQS is away."""
    with aws.available("The queue is not available right now."):
        return await asyncio.get_running_loop().run_in_executor(threads, call)
