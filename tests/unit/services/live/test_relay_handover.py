"""Handover of a shard from one relay to the next, of which one at a time holds the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from chalicelib.api.wire.events import event_message
from chalicelib.ports.live import Notification
from chalicelib.services.live import relay as relay_module
from chalicelib.services.live.relay import Relay

from tests.fakes import MemoryChannel, eventually
from tests.unit.services.live.world import CLIENT, LIFE, WHOLE, World


@pytest.mark.parametrize("steps", range(5))
async def test_a_handover_leaves_no_gap_and_delivers_nothing_twice(world: World, steps: int) -> None:
    first = world.relay(seconds=0.05)
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.move(order_id, *LIFE[:steps])
    await world.sees("client", WHOLE[: steps + 1])
    assert await first is True
    await world.move(order_id, *LIFE[steps : steps + 1])  # while no relay listens
    world.relay()
    await world.move(order_id, *LIFE[steps + 1 :])
    await world.sees("client", WHOLE)
    await world.is_quiet()
    assert world.push.seqs("client") == WHOLE


async def test_quick_handovers_deliver_every_event_once(world: World) -> None:
    order_id = await world.order()
    await world.subscribe("client", order_id)

    async def serve() -> None:
        while await world.relay(seconds=0.01):
            pass

    world.relays.append(serving := asyncio.create_task(serve()))  # type: ignore[arg-type]
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("client", WHOLE[:seq])
    await world.registry.disconnect("client", CLIENT)
    serving.cancel()


async def test_a_relay_whose_time_is_over_returns_that_another_is_needed(world: World) -> None:
    order_id = await world.order()
    await world.subscribe("client", order_id)
    assert await world.relay(seconds=0.02) is True
    assert world.redis.leases == {}


async def test_a_relay_ends_though_a_library_loses_its_cancellation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(MemoryChannel):
        async def notifications(self) -> AsyncGenerator[Notification]:
            async for notification in super().notifications():
                yield notification
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    monkeypatch.setattr(relay_module, "CANCEL_AGAIN_S", 0.01)
    await world.registry.connect("client", CLIENT)
    relay = Relay(
        Stubborn(world.redis, 0, "stubborn"),
        world.store,
        world.push,
        event_message,
        lease=0.03,
        poll=0.02,
        idle=30,
    )
    async with asyncio.timeout(5):
        assert await relay.run(0.05)
    assert await world.registry.shards_without_relay() == [0]


async def test_a_second_relay_returns_while_the_first_holds_the_lease(world: World) -> None:
    world.relay()
    await eventually(lambda: world.redis.leases)
    assert await world.relay() is False


async def test_a_relay_that_loses_its_lease_stops_and_writes_nothing(world: World) -> None:
    first = world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    world.redis.leases[0] = "another relay"
    assert await first is False
    assert world.redis.leases == {0: "another relay"}
    assert world.redis.subscriptions[0] == {("client", order_id): 1}


async def test_a_relay_without_connections_ends(world: World) -> None:
    assert await world.relay(idle=0.05) is False
    assert world.redis.leases == {}


async def test_a_relay_runs_while_a_client_is_connected(world: World) -> None:
    await world.registry.connect("client", CLIENT)
    relay = world.relay(idle=0.03, poll=0.01)
    await world.is_quiet()
    await asyncio.wait([relay], timeout=0.1)
    assert not relay.done()
    await world.registry.disconnect("client", CLIENT)
    assert await relay is False


async def test_a_client_that_connects_as_an_idle_relay_ends_gets_another_relay(world: World) -> None:
    await eventually(lambda: True)
    release = MemoryChannel.release

    class Last(MemoryChannel):
        async def release(self) -> None:
            await world.registry.connect("last", CLIENT)
            await release(self)

    channel = Last(world.redis, 0, "ending")
    relay = Relay(channel, world.store, world.push, event_message, lease=0.03, poll=0.02, idle=0.02)
    assert await relay.run(30) is True
