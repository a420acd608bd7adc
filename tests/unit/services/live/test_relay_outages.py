"""Outages of Redis and the store, lost notifications, redriven orders: no subscriber misses an event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chalicelib.api.wire.events import event_message
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.live import Notification, Subscription
from chalicelib.services.live.relay import Relay

from tests.fakes import MemoryChannel, eventually
from tests.unit.services.live.world import LIFE, WHOLE, World

NO_EVENTS: list[Any] = [{}, {"orderId": None, "seq": "x"}]


async def test_a_registry_that_lost_its_data_is_restored_by_the_relay(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    world.redis.flush()
    await eventually(lambda: world.redis.subscriptions[0] == {("client", order_id): 1})
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_an_unavailable_store_delays_delivery_and_loses_nothing(world: World) -> None:
    world.relay()
    order_id = await world.order()
    world.store.unavailable = True
    await world.subscribe("client", order_id)
    world.redis.copies = lambda event: 0
    await world.move(order_id, *LIFE)
    await eventually(lambda: world.store.refused > 2)
    assert world.push.seqs("client") == []
    world.store.unavailable = False
    await world.sees("client", WHOLE)


async def test_an_unavailable_redis_delays_delivery_and_loses_nothing(world: World) -> None:
    relay = world.relay(idle=0.05)
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    world.redis.unavailable = True
    await world.move(order_id, *LIFE[:2])
    await world.sees("client", [1, 2, 3])  # by the poll
    await asyncio.wait([relay], timeout=0.1)
    assert not relay.done()
    world.redis.unavailable = False
    await world.move(order_id, *LIFE[2:])
    await world.sees("client", WHOLE)
    await eventually(lambda: not world.redis.subscriptions[0])


async def test_a_redis_that_is_unavailable_as_a_relay_starts_is_retried(world: World) -> None:
    order_id = await world.order()
    await world.subscribe("client", order_id)
    subscriptions, answers = MemoryChannel.subscriptions, iter([False, False])

    class Flaky(MemoryChannel):
        async def subscriptions(self) -> list[Subscription]:
            self._redis.unavailable = not next(answers, True)
            try:
                return await subscriptions(self)
            finally:
                self._redis.unavailable = False

    relay = Relay(
        Flaky(world.redis, 0, "flaky"), world.store, world.push, event_message, lease=0.03, poll=0.02, idle=30
    )
    world.relays.append(asyncio.create_task(relay.run(30)))
    await world.sees("client", [1])


async def test_a_published_subscription_is_served_without_reading_the_registry(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await eventually(lambda: world.redis.channels)
    await world.subscribe("client", order_id)
    world.redis.unavailable = True  # before the relay has run
    await world.sees("client", [1])
    world.redis.unavailable = False


async def test_an_unexpected_error_of_the_store_does_not_stop_a_feed(world: World) -> None:
    read, faults = world.store.events, iter([KeyError("a bug"), KeyError("a bug")])

    async def breaks(order_id: str, after: int = 0) -> list[Event]:
        if fault := next(faults, None):
            raise fault
        return await read(order_id, after)

    world.store.events = breaks  # type: ignore[method-assign]
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])


@pytest.mark.parametrize("garbage", [Notification(), *(Notification(event=event) for event in NO_EVENTS)])
async def test_an_invalid_notification_does_not_stop_the_relay(world: World, garbage: Notification) -> None:
    world.relay()
    order_id = await world.order()
    await eventually(lambda: world.redis.channels)
    world.redis.notify(0, garbage)
    await world.subscribe("client", order_id)
    await world.sees("client", [1])


FAILED_LIFE = (Status.ROUTING, Status.FAILED)
REDRIVEN = [*range(1, 9)]  # pending, routing, failed; and then the new attempts


async def test_a_redriven_order_is_delivered_from_its_first_event_and_from_after_its_failure(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("live", order_id)
    await world.move(order_id, *FAILED_LIFE)
    await world.sees("live", [1, 2, 3])
    await world.is_quiet()  # it has no subscriber any more
    redriven = await world.store.redrive(order_id)
    assert redriven is not None
    world.events.publish(redriven)
    await world.subscribe("late", order_id)
    await world.subscribe("live", order_id, after=3)
    await world.move(order_id, *LIFE)
    await world.sees("late", REDRIVEN)
    await world.sees("live", REDRIVEN)


async def test_a_complete_feed_is_read_again_for_a_redrive_without_a_notification(world: World) -> None:
    """As when Redis was unavailable for a moment, and a slow subscriber is still being sent the failure."""
    released = asyncio.Event()
    push = world.push.send

    async def slow(connection_id: str, text: str) -> None:
        if connection_id == "slow" and '"failed"' in text:
            await released.wait()
        await push(connection_id, text)

    world.push.send = slow  # type: ignore[method-assign]
    world.relay(poll=60)
    order_id = await world.order()
    await world.subscribe("slow", order_id)
    await world.sees("slow", [1])
    await world.move(order_id, *FAILED_LIFE)
    await world.sees("slow", [1, 2])
    await world.store.redrive(order_id)
    await world.subscribe("new", order_id)
    released.set()
    await world.sees("new", [1, 2, 3, 4])
    await world.move(order_id, *LIFE)
    await world.sees("new", REDRIVEN)
