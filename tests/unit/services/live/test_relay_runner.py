"""Relays of one process: each requests the next when its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from chalicelib.api.wire.events import event_message
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.services.live.relay import Relay
from chalicelib.services.live.supervisor import RelayRunner

from tests.fakes import MemoryChannel, MemoryLauncher, eventually
from tests.unit.services.live.world import CLIENT, LIFE, WHOLE, World


def runner(world: World, launcher: MemoryLauncher, *, poll: float = 0.02, idle: float = 0.03) -> RelayRunner:
    def build(shard: int) -> Relay:
        channel = MemoryChannel(world.redis, shard, "relay")
        return Relay(channel, world.store, world.push, event_message, lease=0.03, poll=poll, idle=idle)

    return RelayRunner(build, launcher)


async def test_a_relay_whose_time_is_up_requests_the_next(world: World) -> None:
    launcher = MemoryLauncher()
    await world.registry.connect("client", CLIENT)
    assert await runner(world, launcher).serve(0, 0.02) is True
    assert launcher.launched == [0]


async def test_a_relay_without_connections_requests_no_other(world: World) -> None:
    launcher = MemoryLauncher()
    assert await runner(world, launcher).serve(0, 30) is False
    assert launcher.launched == []


async def test_a_relay_ends_normally_though_the_next_cannot_be_started(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = MemoryLauncher()
    launcher.refused.add(0)
    await world.registry.connect("client", CLIENT)
    assert await runner(world, launcher).serve(0, 0.02) is True
    assert ["shard=0" in message for message in caplog.messages] == [True]


@pytest.fixture
async def serving(world: World) -> AsyncIterator[RelayRunner]:
    """Relays of which one is running and polls only once a minute."""
    serving = runner(world, MemoryLauncher(), poll=60, idle=60)
    task = asyncio.create_task(serving.serve(0, 60))
    yield serving
    await serving.close()
    await asyncio.gather(task, return_exceptions=True)


async def test_caught_up_waits_until_every_stored_event_is_delivered(
    world: World, serving: RelayRunner
) -> None:
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    for status in LIFE:
        world.store.append(order_id, status)  # stored, and not published
    await serving.caught_up()
    assert world.push.seqs("client") == WHOLE


async def test_caught_up_does_not_wait_for_an_order_without_new_events(
    world: World, serving: RelayRunner
) -> None:
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    await serving.caught_up()
    await world.move(order_id, Status.ROUTING)
    await serving.caught_up()
    assert world.push.seqs("client") == [1, 2]


async def test_caught_up_returns_at_once_without_subscriptions(serving: RelayRunner) -> None:
    await serving.caught_up()


async def test_caught_up_repeats_a_delivery_that_has_failed(
    world: World, serving: RelayRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, failures = world.push.send, 2

    async def fail_twice(connection_id: str, text: str) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise TemporarilyUnavailable("It is unavailable.")
        await send(connection_id, text)

    monkeypatch.setattr(world.push, "send", fail_twice)
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await eventually(lambda: failures < 2)
    await serving.caught_up()
    assert world.push.seqs("client") == [1]
