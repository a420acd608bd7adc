"""A process's relays: each has the next one started when its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from chalicelib.domain.lifecycle import Status
from chalicelib.services.live.relay import Relay
from chalicelib.services.live.supervisor import RelayRunner

from tests.fakes import MemoryChannel, MemoryLauncher
from tests.unit.relay.world import CLIENT, LIFE, WHOLE, World


def relays(world: World, launcher: MemoryLauncher, *, poll: float = 0.02, idle: float = 0.03) -> RelayRunner:
    def build(shard: int) -> Relay:
        channel = MemoryChannel(world.redis, shard, "relay")
        return Relay(channel, world.store, world.push, lease=0.03, poll=poll, idle=idle)

    return RelayRunner(build, launcher)


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
    assert ["shard=0" in message for message in caplog.messages] == [True]


@pytest.fixture
async def serving(world: World) -> AsyncIterator[RelayRunner]:
    """RelayRunner that read the table only once a minute."""
    serving = relays(world, MemoryLauncher(), poll=60, idle=60)
    task = asyncio.create_task(serving.serve(0, 60))
    yield serving
    await serving.close()
    await asyncio.gather(task, return_exceptions=True)


async def test_relays_have_caught_up_once_every_stored_event_is_sent(
    world: World, serving: RelayRunner
) -> None:
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    for status in LIFE:
        world.store.append(order_id, status)  # stored, and not published
    await serving.caught_up()
    assert world.push.seqs("client") == WHOLE


async def test_an_order_that_waits_does_not_keep_relays_from_catching_up(
    world: World, serving: RelayRunner
) -> None:
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    await serving.caught_up()
    await world.move(order_id, Status.ROUTING)
    await serving.caught_up()
    assert world.push.seqs("client") == [1, 2]


async def test_relays_that_have_nothing_to_do_have_caught_up(serving: RelayRunner) -> None:
    await serving.caught_up()
