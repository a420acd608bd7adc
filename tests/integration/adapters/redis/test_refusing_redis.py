"""A Redis that answers and refuses writes: /health says so, and calls recover by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chalicelib.adapters.redis.events import RedisEvents
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.registry import RedisRegistry
from chalicelib.api.wire.events import event_message
from chalicelib.domain.errors import TemporarilyUnavailable
from redis.asyncio import Redis

from local.servers import Valkey
from tests.link import Link


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path / "valkey", temporary=True)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def operator(valkey: Valkey) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey.url) as redis:
        yield redis


async def replica(operator: Redis) -> None:
    await operator.execute_command("REPLICAOF", "127.0.0.1", "1")


async def full(operator: Redis) -> None:
    await operator.config_set("maxmemory", "1")


async def without_replicas(operator: Redis) -> None:
    await operator.config_set("min-replicas-to-write", "1")


@pytest.mark.parametrize("refuse", [replica, full, without_replicas], ids=lambda refuse: refuse.__name__)
async def test_the_check_fails_while_writes_are_refused(
    valkey: Valkey, operator: Redis, refuse: object
) -> None:
    assert callable(refuse)
    async with connect(valkey.url) as redis:
        events = RedisEvents(redis, event_message)
        await events.check()
        await refuse(operator)
        for _ in range(3):
            with pytest.raises(TemporarilyUnavailable):
                await events.check()
        await operator.execute_command("REPLICAOF", "NO", "ONE")
        await operator.config_set("maxmemory", "0")
        await operator.config_set("min-replicas-to-write", "0")
        await events.check()


async def test_after_a_failover_calls_go_to_the_new_primary(valkey: Valkey, operator: Redis) -> None:
    async with Link.to(valkey.url) as link, connect(link.url) as redis:
        registry = RedisRegistry(redis, shards=1, connections_per_client=9, subscriptions_per_connection=9)
        await registry.connect("first", "client")
        await replica(operator)
        with pytest.raises(TemporarilyUnavailable):
            await registry.connect("second", "client")
        await operator.execute_command("REPLICAOF", "NO", "ONE")
        connections = link.connections
        await registry.connect("second", "client")
        assert link.connections == connections + 1  # its name is resolved again
