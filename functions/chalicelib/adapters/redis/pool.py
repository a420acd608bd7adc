"""Redis for one process: calls wait for a free connection rather than fail, and one that hangs is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError, RedisError, ResponseError

from ...batcher import Batcher
from ...domain.errors import TemporarilyUnavailable
from ..aws.secrets import Secret

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
        protocol=3,
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

    They have a connection of their own, which connects again by itself: a pipeline of redis-py costs three
    times as much. A command whose reply is lost is run again, so it must bear that. Raises
    TemporarilyUnavailable while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: AbstractConnection | None = None
        self._batch: Batcher[tuple[Any, ...], Any] = Batcher(self._run, limit=MOST_AT_ONCE)

    async def __call__(self, *command: Any) -> Any:
        result = await self._batch(command)
        if isinstance(result, RedisError):  # of this command alone
            raise TemporarilyUnavailable(UNAVAILABLE) from result
        return result

    async def _run(self, commands: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        results: list[Any] = await available(lambda: self._try_twice(commands))
        return results

    async def _try_twice(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        try:
            return await self._send(commands)
        except (ConnectionError, OSError):  # a connection that broke while it was idle shows only now
            return await self._send(commands)

    async def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _response(connection) for _ in commands]
        except BaseException:  # or the next call would read the answers to this one
            await connection.disconnect(nowait=True)
            raise


async def _response(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


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
