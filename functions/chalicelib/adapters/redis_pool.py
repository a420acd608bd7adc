"""Redis for one process: calls wait for a free connection rather than fail, and one that hangs is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError, RedisError

from ..domain.errors import TemporarilyUnavailable
from .batcher import Batcher
from .secrets import Secret

CONNECTIONS = 20
CALL_TIMEOUT_S = 5.0
MOST_AT_ONCE = 500  # commands in a round trip
UNAVAILABLE = "Redis is not available right now."


def connect(url: str, *, secret: Secret | None = None, listeners: int = 1) -> Redis:
    """Redis at `url`; `listeners` are the subscriptions that keep a connection each."""
    login = {"credential_provider": Login(secret)} if secret else {}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS + listeners,
        timeout=CALL_TIMEOUT_S,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
        **login,
    )
    return Redis.from_pool(pool)


async def available(call: Callable[[], Awaitable[Any]]) -> Any:
    """What `call` gives. Raises TemporarilyUnavailable while Redis is away."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call()
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        raise TemporarilyUnavailable(UNAVAILABLE) from error


class Calls:
    """`await calls("HGET", key, field)`: calls that meet share a round trip, in the order in which they came.

    Raises TemporarilyUnavailable while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._batch: Batcher[tuple[Any, ...], Any] = Batcher(self._run, limit=MOST_AT_ONCE)

    async def __call__(self, *command: Any) -> Any:
        result = await self._batch(command)
        if isinstance(result, RedisError):  # of this command alone
            raise TemporarilyUnavailable(UNAVAILABLE) from result
        return result

    async def _run(self, commands: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        async def send() -> Any:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute(raise_on_error=False)

        return list(await available(send))


_CALLS: WeakKeyDictionary[Redis, Calls] = WeakKeyDictionary()


def calls(redis: Redis) -> Calls:
    """The one `Calls` of this Redis: so events, subscriptions and leases travel together."""
    found = _CALLS.get(redis)
    if found is None:
        found = _CALLS[redis] = Calls(redis)
    return found


class Login(CredentialProvider):
    """What each new connection says first."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    async def get_credentials_async(self) -> tuple[str, str]:
        try:
            credentials = await self._secret.current()
        except TemporarilyUnavailable as error:
            raise ConnectionError(str(error)) from error  # a connection that could not be made, as any other
        return credentials.username, credentials.password
