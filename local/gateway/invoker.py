"""Lambda's part in a request: let it through, find it a thread, call the function, mind the time.

throttle (429) → room to wait (503) → thread → handler(event, context) → its answer, 500 or 504

A few threads are kept for those who ask whether the engine is well, so that they hear it when it is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ..context import LambdaContext
from ..threads import Threads
from .errors import FunctionFailed, FunctionTimedOut, TooManyRequests, Unavailable
from .limits import TokenBucket
from .settings import GatewaySettings

log = logging.getLogger(__name__)

RESERVED = 8  # threads

Handler = Callable[[dict[str, Any], Any], Any]


class Invoker:
    """Calls functions off the event loop, as many at once as the settings say."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._bucket = TokenBucket(settings.rate_per_s, settings.burst)
        self._threads = Threads(settings.handlers, "handler")
        self._reserved = Threads(RESERVED, "reserved")
        self.running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Invocations that no thread has taken up yet."""
        return self._threads.waiting

    def admit(self) -> None:
        """Let one more request in. Raises TooManyRequests, Unavailable."""
        if not self._bucket.take():
            raise TooManyRequests()
        # A handler that was given up on still has its thread: both counts are needed.
        settings = self._settings
        if self.running >= settings.handlers + settings.waiting or self.waiting > settings.waiting:
            raise Unavailable()

    async def invoke(
        self, name: str, handler: Handler, event: dict[str, Any], *, reserved: bool = False
    ) -> Any:
        """What the function answers. Raises FunctionFailed, FunctionTimedOut."""
        threads = self._reserved if reserved else self._threads
        timeout_s = self._settings.handler_timeout_s
        context = LambdaContext(name, timeout_s)
        self.running += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(timeout_s):
                return await threads.run(_call, handler, event, context)
        except TimeoutError:
            # A thread can't be stopped: the handler keeps its place until it returns, as a busy Lambda would.
            log.error("%s did not answer within %g s", name, timeout_s)
            raise FunctionTimedOut() from None
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    async def idle(self, timeout_s: float) -> None:
        """Wait until no function runs, but no longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d functions are still running", self.running)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()
        self._reserved.close()


def _call(handler: Handler, event: dict[str, Any], context: LambdaContext) -> Any:
    # Here and not on the loop's side, where a handler's CancelledError would look like our own.
    try:
        return handler(event, context)
    except Exception:
        log.exception("%s raised (request %s)", context.function_name, context.aws_request_id)
        raise FunctionFailed() from None
