"""A process's relays: each has the next one started when its time is up."""

from __future__ import annotations

import pytest
from chalicelib.services.relay import Relay
from chalicelib.services.relaying import Relays

from tests.fakes import MemoryChannel, MemoryLauncher
from tests.unit.relay.world import CLIENT, World


def relays(world: World, launcher: MemoryLauncher) -> Relays:
    def build(shard: int) -> Relay:
        channel = MemoryChannel(world.redis, shard, "relay")
        return Relay(channel, world.store, world.push, lease=0.03, poll=0.02, idle=0.03)

    return Relays(build, launcher)


async def test_a_relay_whose_time_is_up_has_the_next_one_started(world: World) -> None:
    launcher = MemoryLauncher()
    await world.registry.connect("client", CLIENT)
    assert await relays(world, launcher).serve(0, 0.02) is True
    assert launcher.launched == [0]


async def test_a_relay_that_nobody_needs_any_more_has_none_started(world: World) -> None:
    launcher = MemoryLauncher()
    assert await relays(world, launcher).serve(0, 30) is False
    assert launcher.launched == []


async def test_a_relay_ends_well_though_the_next_one_can_not_be_started(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = MemoryLauncher()
    launcher.refused.add(0)
    await world.registry.connect("client", CLIENT)
    assert await relays(world, launcher).serve(0, 0.02) is True
    assert ["shard 0" in message for message in caplog.messages] == [True]
