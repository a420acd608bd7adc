"""Lambda's part in a request: let it through, find it a place, call the function, mind the time.

throttle (429) → room to wait (503) → place → handler(event, context) → its answer, 500 or 504

Health checks take no place, so that they are answered when everything else waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from ..calls import LambdaContext, call
from .errors import FunctionFailed, FunctionTimedOut, TooManyRequests, Unavailable
from .settings import GatewaySettings

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], Any], Any]


class Invoker:
    """Calls functions on the event loop, as many at once as the settings say."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._bucket = TokenBucket(settings.rate_per_s, settings.burst)
        self._places = asyncio.Semaphore(settings.handlers)
        self.running = 0
        self.waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def admit(self) -> None:
        """Let one more request in. Raises TooManyRequests, Unavailable."""
        if not self._bucket.take():
            raise TooManyRequests()
        if self.waiting >= self._settings.waiting:
            raise Unavailable()

    async def invoke(
        self, name: str, handler: Handler, event: dict[str, Any], *, is_probe: bool = False
    ) -> Any:
        """What the function answers. Raises FunctionFailed, FunctionTimedOut."""
        timeout_s = self._settings.handler_timeout_s
        context = LambdaContext(name, timeout_s)
        self.running += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(timeout_s):
                if is_probe:
                    return await _call(handler, event, context)
                await self._take_place()
                try:
                    return await _call(handler, event, context)
                finally:
                    self._places.release()
        except TimeoutError:
            log.error("%s did not answer within %g s", name, timeout_s)
            raise FunctionTimedOut() from None
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1

    async def idle(self, timeout_s: float) -> None:
        """Wait until no function runs, but no longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d functions are still running", self.running)


async def _call(handler: Handler, event: dict[str, Any], context: LambdaContext) -> Any:
    try:
        return await call(handler, event, context)
    except Exception:
        log.exception("%s raised (request %s)", context.function_name, context.aws_request_id)
        raise FunctionFailed() from None


class TokenBucket:
    """API Gateway's throttle: lets `burst` through at once and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._filled_at = clock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
