"""The context object that Lambda gives a function beside its event."""

from __future__ import annotations

import time
import uuid
from functools import cached_property

REGION = "us-east-1"
ACCOUNT = "000000000000"


class LambdaContext:
    """One invocation: who is invoked, and how long it has left. Attributes are named as Lambda names them."""

    function_version = "$LATEST"
    memory_limit_in_mb = "512"
    identity = None
    client_context = None

    def __init__(self, function_name: str, timeout_s: float) -> None:
        self.function_name = function_name
        self._deadline = time.monotonic() + timeout_s

    @cached_property
    def aws_request_id(self) -> str:
        """The id of this invocation."""
        return str(uuid.uuid4())

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where Lambda would write the function's log."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """The log stream of this invocation's environment; there is one on a developer's machine."""
        return "local"

    def get_remaining_time_in_millis(self) -> int:
        """How long until Lambda would end the invocation, ms; never below zero."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))
