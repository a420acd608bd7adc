"""Delivery of an order's events to its subscribers: from the first to the last, in order, each once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from chalicelib.api.wire.events import event_object
from chalicelib.domain.account import Access, Account, Caller, Scope
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.keys import ApiKey
from chalicelib.ports.live import Subscription
from chalicelib.services.live.relay import KEY_ENDED

from tests.fakes import MemoryKeys, eventually
from tests.unit.services.live.world import CLIENT, LIFE, WHOLE, World


async def test_an_early_subscriber_receives_every_event_as_it_is_published(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("early", order_id)
    await world.sees("early", [1])
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("early", WHOLE[:seq])
    assert world.push.frames["early"] == [event_object(event) for event in world.store.log[order_id]]


async def test_a_late_subscriber_receives_the_same_events(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE)
    await world.subscribe("late", order_id)
    await world.sees("late", WHOLE)
    assert world.push.frames["late"] == [event_object(event) for event in world.store.log[order_id]]


@pytest.mark.parametrize("steps", range(5))
async def test_a_subscriber_in_the_middle_receives_the_same_events(world: World, steps: int) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE[:steps])
    await asyncio.gather(world.subscribe("middle", order_id), world.move(order_id, *LIFE[steps:]))
    await world.sees("middle", WHOLE)


async def test_fifty_clients_of_fifty_orders_each_receive_every_event_once(world: World) -> None:
    world.relay()
    orders = [await world.order() for _ in range(50)]

    async def live(order_id: str) -> None:
        for status in LIFE:
            await asyncio.sleep(0)
            await world.move(order_id, status)

    async def join(number: int) -> None:
        for _ in range(number % 7):
            await asyncio.sleep(0)
        await world.subscribe(f"client-{number}", orders[number])
        await world.subscribe(f"client-{number}", orders[(number + 1) % 50])

    await asyncio.gather(*map(live, orders), *map(join, range(50)))
    for number, order_id in enumerate(orders):
        await world.sees(f"client-{number}", WHOLE, order_id)
        await world.sees(f"client-{number}", WHOLE, orders[(number + 1) % 50])


async def test_a_subscription_with_after_receives_the_later_events_only(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE[:2])
    await world.subscribe("resumed", order_id, after=2)
    await world.sees("resumed", [3])
    await world.move(order_id, *LIFE[2:])
    await world.sees("resumed", [3, 4, 5])


async def test_a_subscription_after_the_last_event_receives_nothing_and_is_removed(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE)
    await world.subscribe("done", order_id, after=5)
    await eventually(lambda: not world.redis.subscriptions[0])
    assert world.push.seqs("done") == []


async def test_a_subscription_after_a_future_seq_receives_what_comes_after_it(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("ahead", order_id, after=3)
    await world.move(order_id, *LIFE)
    await world.sees("ahead", [4, 5])


@pytest.mark.parametrize("lost", WHOLE)
async def test_an_event_whose_notification_is_lost_is_read_from_the_store(world: World, lost: int) -> None:
    world.redis.copies = lambda event: int(event.seq != lost)
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_without_any_notification_events_are_delivered_by_the_poll(world: World) -> None:
    world.redis.copies = lambda event: 0
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("client", WHOLE[:seq])


async def test_an_event_notified_twice_is_delivered_once(world: World) -> None:
    world.redis.copies = lambda event: 2
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_while_notifications_arrive_the_store_is_read_once_per_order(world: World) -> None:
    world.relay(poll=10)
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)
    assert world.store.reads == 1


async def test_a_closed_connection_is_removed_and_the_other_is_still_served(world: World) -> None:
    world.relay()
    order_id, other = await world.order(), await world.order()
    for connection_id in ("gone", "here"):
        await world.subscribe(connection_id, order_id)
    await world.subscribe("gone", other)
    await world.sees("gone", [1], order_id)
    world.push.gone.add("gone")
    await world.move(order_id, *LIFE)
    await world.sees("here", WHOLE)
    await eventually(lambda: world.redis.connections[0] == {"here"})
    await eventually(lambda: not world.redis.subscriptions[0])


async def test_a_failed_push_is_retried_and_delivers_each_event_once(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE[:3])
    sends = iter([None, None, RuntimeError("throttled"), None, RuntimeError("throttled")])
    send = world.push.send

    async def unreliable(connection_id: str, text: str) -> None:
        fault = next(sends, None)
        if fault:
            raise fault
        await send(connection_id, text)

    world.push.send = unreliable  # type: ignore[method-assign]
    await world.subscribe("client", order_id)
    await world.move(order_id, LIFE[3])
    await world.sees("client", WHOLE)
    await eventually(lambda: not world.redis.subscriptions[0])


async def test_after_unsubscribe_a_client_receives_no_more_and_the_other_does(world: World) -> None:
    world.relay()
    order_id = await world.order()
    for connection_id in ("leaves", "stays"):
        await world.subscribe(connection_id, order_id)
        await world.sees(connection_id, [1])
    await world.registry.unsubscribe("leaves", order_id)
    await world.is_quiet()
    await world.move(order_id, *LIFE)
    await world.sees("stays", WHOLE)
    assert world.push.seqs("leaves") == [1]


async def test_an_unsubscribe_during_delivery_is_not_undone_by_the_stored_position(world: World) -> None:
    world.relay()
    order_id = await world.order()
    unsubscribed = asyncio.Event()
    send = world.push.send

    async def slow(connection_id: str, text: str) -> None:
        await send(connection_id, text)
        if connection_id == "leaves":
            world.redis.subscriptions[0].pop(("leaves", order_id), None)  # the relay is notified later
            unsubscribed.set()

    world.push.send = slow  # type: ignore[method-assign]
    await world.subscribe("leaves", order_id)
    await unsubscribed.wait()
    await world.registry.unsubscribe("leaves", order_id)
    await world.is_quiet()
    assert world.redis.subscriptions[0] == {}


async def test_subscribing_twice_delivers_each_event_once(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    await world.subscribe("client", order_id)
    await world.move(order_id, *LIFE[:2])
    await world.subscribe("client", order_id)
    await world.move(order_id, *LIFE[2:])
    await world.sees("client", WHOLE)


async def test_subscribing_again_after_an_unsubscribe_starts_at_the_new_seq(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.subscribe("client", order_id)
    await world.sees("client", [1])
    await world.registry.unsubscribe("client", order_id)
    await world.subscribe("client", order_id, after=1)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_a_disconnect_removes_all_subscriptions_of_the_connection(world: World) -> None:
    world.relay()
    first, second = await world.order(), await world.order()
    for order_id in (first, second):
        await world.subscribe("client", order_id)
        await world.sees("client", [1], order_id)
    await world.registry.disconnect("client", CLIENT)
    await eventually(lambda: not world.redis.subscriptions[0])
    await world.move(first, *LIFE)
    await world.is_quiet()
    assert world.push.seqs("client", first) == [1]


async def test_a_connection_whose_key_has_ended_is_closed_and_the_others_stay(world: World) -> None:
    order_id = await world.order()
    keys = MemoryKeys()
    for name in ("revoked", "valid"):
        scopes, now = frozenset({Scope.ORDERS_READ}), datetime.now(UTC)
        await keys.add(ApiKey(name, Account("alice"), name, scopes, b"hash", now))
        access = Access(Caller(Account("alice"), frozenset({Scope.ORDERS_READ}), name), order_id)
        await world.registry.connect(name, "alice", access)
        await world.registry.subscribe(Subscription(name, order_id))
    await world.subscribe("open", order_id)
    world.relay(keys=keys)
    for name in ("revoked", "valid", "open"):
        await world.sees(name, [1])
    await keys.end("revoked", in_ms=0)
    await eventually(lambda: world.push.closed)
    await world.move(order_id, *LIFE)
    for name in ("valid", "open"):
        await world.sees(name, WHOLE)
    assert world.push.closed == ["revoked"]
    assert world.push.seqs("revoked") == [1]
    assert world.push.frames["revoked"][-1] == {
        "error": KEY_ENDED,
        "code": "UNAUTHENTICATED",
        "docs": "docs#UNAUTHENTICATED",
    }
    assert world.redis.connections[0] == {"valid", "open"}


async def test_a_connection_whose_key_has_ended_is_closed_though_it_cannot_be_said_why(world: World) -> None:
    keys = MemoryKeys()
    access = Access(Caller(Account("alice"), frozenset({Scope.ORDERS_READ}), "unknown"), None)
    await world.registry.connect("client", "alice", access)
    world.push.faults.append(TemporarilyUnavailable("not now"))
    world.relay(keys=keys)
    await eventually(lambda: world.push.closed == ["client"])
    assert not world.redis.connections[0]
