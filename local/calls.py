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
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

Result = TypeVar("Result")


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
