"""Reading from a pub/sub connection that may fall silent without being closed.

A connection that a firewall or a failover has dropped without a word looks like one on which nothing is
published. Only a ping shows the difference.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

PING_AFTER_S = 1.0  # of silence; a ping without a reply is given up after as long again


class WatchedPubSub:
    """`async with WatchedPubSub(pubsub) as watched: await watched.message()`.

    One timer watches all reads, since a deadline for each would cost nearly as much as the read itself.
    """

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._reader: asyncio.Task[Any] | None = None  # that waits for a message now
        self._received = 0  # messages and replies to pings
        self._received_at_tick = -1
        self._received_at_ping = -1
        self._is_silent = False
        self._ping: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def message(self) -> Any:
        """The next message, or the reply to a ping. Raises TimeoutError when a ping gets no reply."""
        self._reader = asyncio.current_task()
        try:
            return await self._pubsub.get_message(timeout=None)
        except asyncio.CancelledError:
            if self._is_silent and self._reader is not None and not self._reader.uncancel():
                raise TimeoutError("no reply to a ping") from None
            raise
        finally:
            self._reader = None
            self._received += 1

    async def __aenter__(self) -> WatchedPubSub:
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._ping is not None:
            self._ping.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PING_AFTER_S, self._tick)

    def _tick(self) -> None:
        if self._reader is not None and self._received == self._received_at_ping:
            self._is_silent = True
            self._reader.cancel()
            return
        if self._reader is not None and self._received == self._received_at_tick:
            self._received_at_ping = self._received
            self._ping = asyncio.create_task(self._send_ping(), name="ping pub/sub")
        self._received_at_tick = self._received
        self._wait()

    async def _send_ping(self) -> None:
        connection = self._pubsub.connection
        if connection is None or not connection.is_connected:
            return  # the reader connects again, and has until the next tick
        # The reader meets the same. AttributeError: redis-py's, of a connection that was closed while this
        # waited for its turn.
        with suppress(RedisError, OSError, AttributeError):
            await self._pubsub.ping()
