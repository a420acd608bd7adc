"""Subscriptions of which the relay was not notified: the poll finds them in the registry."""

from __future__ import annotations

import pytest
from chalicelib.ports.live import Notification

from tests.fakes import eventually
from tests.unit.services.live.world import LIFE, WHOLE, World


@pytest.fixture
def lost(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Notification]:
    """The registry's notifications, none of which arrives."""
    found: list[Notification] = []
    monkeypatch.setattr(world.redis, "notify", lambda shard, notification: found.append(notification))
    return found


async def test_a_subscription_whose_notification_is_lost_is_served_by_the_poll(
    world: World, lost: list[Notification]
) -> None:
    world.relay()
    await eventually(lambda: world.redis.channels)
    await world.is_quiet()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)
    assert len(lost) == 1


async def test_a_lost_notification_is_noticed_by_the_one_that_follows(
    world: World, lost: list[Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.relay()
    await eventually(lambda: world.redis.channels)
    await world.is_quiet()
    first, second = await world.order(), await world.order()
    await world.subscribe("first", first)
    monkeypatch.undo()
    await world.subscribe("second", second)
    await world.sees("second", [1])
    await world.sees("first", [1])


async def test_a_registry_that_lost_its_data_without_a_broken_connection_is_restored_by_the_poll(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    world.redis.subscriptions.clear()
    world.redis.connections.clear()
    world.redis.changes.clear()
    await eventually(lambda: world.redis.subscriptions[0] == {("client", order_id): 1})
    assert await world.registry.is_registered("client")


async def test_the_registry_is_not_read_again_while_every_notification_arrives(world: World) -> None:
    world.relay()
    orders = [await world.order() for _ in range(5)]
    for number, order_id in enumerate(orders):
        await world.subscribe(f"client-{number}", order_id)
        await world.sees(f"client-{number}", [1])
    await world.is_quiet()
    reads = world.redis.subscription_reads
    for number, order_id in enumerate(orders):
        await world.subscribe(f"late-{number}", order_id)
        await world.sees(f"late-{number}", [1])
    await world.is_quiet()
    assert world.redis.subscription_reads == reads


async def test_events_are_read_from_the_store_while_the_registry_is_away(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    world.redis.unavailable = True
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)
