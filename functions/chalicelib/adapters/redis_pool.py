"""Redis for one process: calls wait for a free connection rather than fail, and one that hangs is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ..domain.errors import TemporarilyUnavailable

CONNECTIONS = 20
CALL_TIMEOUT_S = 5.0


def connect(url: str, *, listeners: int = 1) -> Redis:
    """Redis at `url`; `listeners` are the subscriptions that keep a connection each."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS + listeners,
        timeout=CALL_TIMEOUT_S,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)


async def available(call: Callable[[], Awaitable[Any]]) -> Any:
    """What `call` gives. Raises TemporarilyUnavailable while Redis is away."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call()
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        raise TemporarilyUnavailable("Redis is not available right now.") from error
