"""Redis for one process: calls that meet share a connection, and a silent server delays each of them once.

commands ─▶ batch ─▶ the connection ── no reply within REPLY_S ─▶ a new connection: the batch once more
                                                                    └─ no reply there either
calls fail at once ◀──────────────────────────────────────────────────┘  until a probe gets a reply
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from ...batcher import Batcher
from ...domain.errors import TemporarilyUnavailable
from ..aws.secrets import Secret

log = logging.getLogger(__name__)

CONNECTIONS = 20
CONNECT_S = 2.0  # for a connection: its secret, TLS and the login
REPLY_S = 1.0  # for the next replies of a batch
REPLIES_AT_A_TIME = 64  # replies for which REPLY_S holds
PROBE_EVERY_S = 0.2
MOST_AT_ONCE = 500  # commands in a round trip
UNAVAILABLE = "Redis is not available right now."
PROBE = ("SET", "relay:probe", "1", "PX", "1000")  # a write: a replica or a full server answers a PING


def connect(url: str, *, secret: Secret | None = None, listeners: int = 1) -> Redis:
    """Redis at `url`; `listeners` are the subscriptions that keep a connection each."""
    login = {"credential_provider": Login(secret)} if secret else {}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS + listeners,
        timeout=CONNECT_S,
        decode_responses=True,
        protocol=3,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=CONNECT_S,  # of what a new connection says first
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
        **login,
    )
    return _Redis.from_pool(pool)


class _Redis(Redis):
    """A client that ends its `Calls` when it is closed."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        if self in _CALLS:
            await _CALLS[self].close()
        await super().aclose(close_connection_pool)


class Calls:
    """`await calls("HGET", key, field)`: calls that meet share a round trip, in the order in which they came.

    They have a connection of their own, which connects again by itself: a pipeline of redis-py costs three
    times as much. A command whose reply is lost is run again, so it must bear that. Raises
    TemporarilyUnavailable while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: AbstractConnection | None = None
        self._in_use = asyncio.Lock()
        self._batch: Batcher[Sequence[tuple[Any, ...]], list[Any]] = Batcher(self._run, limit=MOST_AT_ONCE)
        self._silent_until = 0.0  # loop time until which calls fail at once; a probe that goes on extends it
        self._probing: asyncio.Task[None] | None = None

    async def __call__(self, *command: Any) -> Any:
        [result] = await self.all([command])
        return result

    async def all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The results of several calls, which stay together."""
        results = await self._batch(commands)
        for result in results:
            if isinstance(result, RedisError):  # of this command alone
                raise TemporarilyUnavailable(UNAVAILABLE) from result
        return results

    async def check(self) -> None:
        """Return if Redis takes a write. Raises TemporarilyUnavailable."""
        if self._probing is not None:
            await asyncio.wait([self._probing], timeout=REPLY_S)
        await self(*PROBE)

    async def close(self) -> None:
        """End the probe; the connection is the pool's to close."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def _run(self, groups: Sequence[Sequence[tuple[Any, ...]]]) -> list[list[Any]]:
        if asyncio.get_running_loop().time() < self._silent_until:
            raise TemporarilyUnavailable(UNAVAILABLE)
        try:
            results = iter(await self._try_twice([command for group in groups for command in group]))
            return [list(islice(results, len(group))) for group in groups]
        except (TimeoutError, RedisTimeout) as error:
            self._start_probe()
            raise TemporarilyUnavailable(UNAVAILABLE) from error
        except (RedisError, OSError) as error:
            raise TemporarilyUnavailable(UNAVAILABLE) from error

    async def _try_twice(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        was_connected = self._connection is not None and self._connection.is_connected
        try:
            return await self._send(commands)
        except (RedisError, OSError):
            if not was_connected:
                raise
            return await self._send(
                commands
            )  # it broke or fell silent while it was idle: that shows only now

    async def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        async with self._in_use:
            connection = await self._connected()
            try:
                results = await _exchange(connection, commands)
            except BaseException:  # or the next call would read the answers to this one
                await connection.disconnect(nowait=True)
                raise
            if any(isinstance(result, ReadOnlyError) for result in results):
                await connection.disconnect(nowait=True)  # the server's name may be that of a new primary now
            return results

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        if connection is None:
            async with asyncio.timeout(CONNECT_S):
                connection = self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        elif not connection.is_connected:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()  # type: ignore[no-untyped-call]
        return connection

    def _start_probe(self) -> None:
        if self._probing is None:
            log.warning("redis: no reply, calls fail at once until there is one")
            self._extend_silence()
            self._probing = asyncio.create_task(self._probe(), name="probe redis")

    async def _probe(self) -> None:
        try:
            while not await self._is_answered():
                self._extend_silence()
                await asyncio.sleep(PROBE_EVERY_S)
            self._silent_until = 0.0
            log.warning("redis: replies again")
        finally:
            self._probing = None

    async def _is_answered(self) -> bool:
        try:
            await self._send([PROBE])
        except (RedisError, OSError):
            return False
        return True

    def _extend_silence(self) -> None:
        """Have calls fail at once until the next probe has ended.

        Not without end: a Lambda environment may be frozen for hours, and its probe with it.
        """
        loop = asyncio.get_running_loop()
        self._silent_until = loop.time() + PROBE_EVERY_S + CONNECT_S + REPLY_S


async def _exchange(connection: AbstractConnection, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The replies to the commands, of which a command's error is one."""
    loop = asyncio.get_running_loop()
    results: list[Any] = []
    async with asyncio.timeout(REPLY_S) as limit:
        await connection.send_packed_command(connection.pack_commands(commands))
        for start in range(0, len(commands), REPLIES_AT_A_TIME):
            if start:
                limit.reschedule(loop.time() + REPLY_S)
            results += [await _response(connection) for _ in commands[start : start + REPLIES_AT_A_TIME]]
    return results


async def _response(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)  # the batch has a deadline
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
