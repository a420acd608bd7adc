"""The schedule that requests missing relays."""

from __future__ import annotations

import pytest
from chalicelib.ports.metrics import WITHOUT_RELAY
from chalicelib.services.live.supervisor import RelaySupervisor

from tests.fakes import MemoryLauncher, MemoryMetrics, MemoryRegistry, Redis


class World:
    """Three shards with a connection each, and no relay."""

    def __init__(self) -> None:
        self.redis = Redis()
        self.launcher, self.metrics = MemoryLauncher(), MemoryMetrics()
        self.supervisor = RelaySupervisor(MemoryRegistry(self.redis, shards=4), self.launcher, self.metrics)
        for shard in (0, 1, 3):
            self.redis.connections[shard].add(f"client-{shard}")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_relay_is_requested_for_each_shard_with_connections_and_no_relay(world: World) -> None:
    world.redis.leases[1] = "relay"
    assert await world.supervisor.run() == [0, 3]
    assert world.launcher.launched == [0, 3]
    assert world.metrics.values(WITHOUT_RELAY) == [2]


async def test_a_failed_request_does_not_affect_the_other_shards(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.launcher.refused = {0, 1}
    assert await world.supervisor.run() == [0, 1, 3]
    assert world.launcher.launched == [3]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert ["shard=0" in caplog.messages[0], "shard=1" in caplog.messages[1]] == [True, True]


async def test_a_shard_still_without_a_relay_is_counted_and_requested_again(world: World) -> None:
    world.launcher.refused = {0}
    await world.supervisor.run()
    world.redis.leases.update({1: "relay", 3: "relay"})
    world.launcher.refused.clear()
    assert await world.supervisor.run() == [0]
    assert world.launcher.launched == [1, 3, 0]
    assert world.metrics.values(WITHOUT_RELAY) == [3, 1]
