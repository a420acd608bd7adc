"""What a client that follows an order is told, and when it is no more."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import eventually
from tests.unit.relay.world import CLIENT, LIFE, WHOLE, World


async def test_who_follows_before_the_first_step_sees_every_event_as_it_comes(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("early", order_id)
    await world.sees("early", [1])
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("early", WHOLE[:seq])
    assert world.push.frames["early"] == [event.to_wire() for event in world.store.log[order_id]]


async def test_who_follows_afterwards_sees_the_same(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE)
    await world.follow("late", order_id)
    await world.sees("late", WHOLE)
    assert world.push.frames["late"] == [event.to_wire() for event in world.store.log[order_id]]


@pytest.mark.parametrize("steps", range(5))
async def test_who_follows_in_the_middle_sees_the_same(world: World, steps: int) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE[:steps])
    await asyncio.gather(world.follow("middle", order_id), world.move(order_id, *LIFE[steps:]))
    await world.sees("middle", WHOLE)


async def test_fifty_clients_of_fifty_orders_at_once_all_see_everything_once(world: World) -> None:
    world.relay()
    orders = [await world.order() for _ in range(50)]

    async def live(order_id: str) -> None:
        for status in LIFE:
            await asyncio.sleep(0)
            await world.move(order_id, status)

    async def join(number: int) -> None:
        for _ in range(number % 7):
            await asyncio.sleep(0)
        await world.follow(f"client-{number}", orders[number])
        await world.follow(f"client-{number}", orders[(number + 1) % 50])

    await asyncio.gather(*map(live, orders), *map(join, range(50)))
    for number, order_id in enumerate(orders):
        await world.sees(f"client-{number}", WHOLE, order_id)
        await world.sees(f"client-{number}", WHOLE, orders[(number + 1) % 50])


async def test_a_client_may_ask_for_what_follows_a_seq(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE[:2])
    await world.follow("resumed", order_id, after=2)
    await world.sees("resumed", [3])
    await world.move(order_id, *LIFE[2:])
    await world.sees("resumed", [3, 4, 5])


async def test_a_client_that_has_seen_all_of_an_ended_order_is_told_nothing_and_forgotten(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.move(order_id, *LIFE)
    await world.follow("done", order_id, after=5)
    await eventually(lambda: not world.redis.subscriptions[0])
    assert world.push.seqs("done") == []


async def test_a_client_that_claims_to_have_seen_more_than_there_is_gets_what_comes_after(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("ahead", order_id, after=3)
    await world.move(order_id, *LIFE)
    await world.sees("ahead", [4, 5])


@pytest.mark.parametrize("lost", WHOLE)
async def test_what_the_doorbell_loses_is_found_in_the_store(world: World, lost: int) -> None:
    world.redis.rings = lambda event: int(event.seq != lost)
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_a_doorbell_that_is_silent_altogether_only_makes_it_slower(world: World) -> None:
    world.redis.rings = lambda event: 0
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("client", WHOLE[:seq])


async def test_a_doorbell_that_rings_twice_is_heard_once(world: World) -> None:
    world.redis.rings = lambda event: 2
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_while_the_doorbell_works_the_store_is_read_once_an_order(world: World) -> None:
    world.relay(poll=10)
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)
    assert world.store.reads == 1


async def test_a_client_that_is_gone_is_forgotten_and_the_other_is_served_on(world: World) -> None:
    world.relay()
    order_id, other = await world.order(), await world.order()
    for connection_id in ("gone", "here"):
        await world.follow(connection_id, order_id)
    await world.follow("gone", other)
    await world.sees("gone", [1], order_id)
    world.push.gone.add("gone")
    await world.move(order_id, *LIFE)
    await world.sees("here", WHOLE)
    await eventually(lambda: world.redis.connections[0] == {"here"})
    await eventually(lambda: not world.redis.subscriptions[0])


async def test_what_a_push_could_not_bring_is_brought_later_and_once(world: World) -> None:
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
    await world.follow("client", order_id)
    await world.move(order_id, LIFE[3])
    await world.sees("client", WHOLE)
    await eventually(lambda: not world.redis.subscriptions[0])


async def test_who_unfollows_hears_no_more_and_the_other_does(world: World) -> None:
    world.relay()
    order_id = await world.order()
    for connection_id in ("leaves", "stays"):
        await world.follow(connection_id, order_id)
        await world.sees(connection_id, [1])
    await world.registry.unsubscribe("leaves", order_id)
    await world.is_quiet()
    await world.move(order_id, *LIFE)
    await world.sees("stays", WHOLE)
    assert world.push.seqs("leaves") == [1]


async def test_who_unfollows_while_being_told_stays_away_after_a_handover(world: World) -> None:
    world.relay()
    order_id = await world.order()
    taken_back = asyncio.Event()
    send = world.push.send

    async def slow(connection_id: str, text: str) -> None:
        await send(connection_id, text)
        if connection_id == "leaves":
            world.redis.subscriptions[0].pop(("leaves", order_id), None)  # the relay has yet to hear of it
            taken_back.set()

    world.push.send = slow  # type: ignore[method-assign]
    await world.follow("leaves", order_id)
    await taken_back.wait()
    await world.registry.unsubscribe("leaves", order_id)
    await world.is_quiet()
    assert world.redis.subscriptions[0] == {}


async def test_who_follows_twice_sees_everything_once(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.follow("client", order_id)
    await world.sees("client", [1])
    await world.follow("client", order_id)
    await world.move(order_id, *LIFE[:2])
    await world.follow("client", order_id)
    await world.move(order_id, *LIFE[2:])
    await world.sees("client", WHOLE)


async def test_who_comes_back_to_an_order_is_told_from_where_he_asks(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    await world.registry.unsubscribe("client", order_id)
    await world.follow("client", order_id, after=1)
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_a_disconnect_clears_what_the_connection_followed(world: World) -> None:
    world.relay()
    first, second = await world.order(), await world.order()
    for order_id in (first, second):
        await world.follow("client", order_id)
        await world.sees("client", [1], order_id)
    await world.registry.disconnect("client", CLIENT)
    await eventually(lambda: not world.redis.subscriptions[0])
    await world.move(first, *LIFE)
    await world.is_quiet()
    assert world.push.seqs("client", first) == [1]
