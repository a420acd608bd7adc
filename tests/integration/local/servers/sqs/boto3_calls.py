"""Calls of SQS through boto3 that wait for their result, and the codes of its errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.local.servers.sqs.conftest import Box

QUERY = "AWS.SimpleQueueService."


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def later(box: Box, **given: Any) -> list[dict[str, Any]]:
    """Receive until something is there."""
    deadline = time.monotonic() + 10
    while not (found := box.receive(**given)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def call_with(box: Box, operation: str, **given: Any) -> None:
    getattr(box.sqs, operation)(QueueUrl=box.url, **given)
