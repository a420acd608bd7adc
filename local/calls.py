"""Calling a function's handler on the event loop, without a thread for each call.

A handler is an ordinary function which hands one coroutine over (`runtime.run`) and waits for its result.
Here it runs in a greenlet on the loop's own thread: to wait, it gives its coroutine to the task that called.
That task awaits it, while other tasks run, and resumes the handler with the result.

    await call(handler, event, context) ──▶ handler ──▶ runtime.run(work) = wait(work)
            await work  ◀───────────────────────────────────────┘
            └──────────────── result or exception ────────────▶ handler goes on

A call costs two switches of a stack, where a thread costs two hops and contention for the interpreter's lock.
And a call that is cancelled ends where it waits, which no thread can be made to do. A handler that blocks
without `runtime.run` blocks the loop, as it would block a Lambda environment.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

Result = TypeVar("Result")

REGION = "us-east-1"
ACCOUNT = "000000000000"


class _Call(greenlet):
    """The stack of one handler; its parent is the loop's own stack."""


async def call(handler: Callable[..., Result], *args: Any) -> Result:
    """What `handler(*args)` returns or raises. Cancelled while it waits, the handler is ended there."""
    stack = _Call(handler)
    stack.gr_context = contextvars.copy_context()
    outcome = stack.switch(*args)
    while not stack.dead:
        try:
            result = await outcome
        except BaseException:
            outcome = stack.throw(*sys.exc_info())
        else:
            outcome = stack.switch(result)
    return outcome  # type: ignore[no-any-return]  # of a stack that is dead, it is what the handler returned


def wait(work: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop) -> Result:
    """What `work` gives, run on `loop`: for a handler within `call`, or for any other thread."""
    stack = getcurrent()
    if isinstance(stack, _Call):
        assert stack.parent is not None
        return stack.parent.switch(work)  # type: ignore[no-any-return]
    return asyncio.run_coroutine_threadsafe(work, loop).result()


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
