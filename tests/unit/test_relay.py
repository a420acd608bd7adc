from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Event, Terms
from chalicelib.domain.tokens import find_token
from chalicelib.services import relay as services_relay
from chalicelib.services.ports import Following, Heard, NewOrder
from chalicelib.services.relay import Relay

from tests.fakes import (
    MemoryChannel,
    MemoryEvents,
    MemoryPush,
    MemoryRegistry,
    MemoryStore,
    Redis,
    eventually,
)

SOL, USDC = (found for symbol in ("SOL", "USDC") if (found := find_token(symbol)))
TERMS = Terms(SOL, USDC, 10**9, slippage_bps=100)
LIFE = (Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED)
WHOLE = [1, 2, 3, 4, 5]
CLIENT = "127.0.0.1"


class World:
    """Orders that live, clients that follow them, and relays that serve one shard."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.redis = Redis()
        self.events = MemoryEvents(self.redis)
        self.registry = MemoryRegistry(self.redis)
        self.push = MemoryPush()
        self.relays: list[asyncio.Task[bool]] = []
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self._fences = (f"relay-{number}" for number in itertools.count(1))

    async def order(self) -> str:
        order_id = next(self._ids)
        created = await self.store.create(NewOrder(order_id, TERMS))
        assert isinstance(created, Event)
        await self.events.publish(created)
        return order_id

    async def move(self, order_id: str, *statuses: Status) -> None:
        """Let the order go on, as its worker does: stored, then published."""
        for status in statuses:
            await self.events.publish(self.store.append(order_id, status))

    async def follow(self, connection_id: str, order_id: str, after: int = 0) -> None:
        await self.registry.connect(connection_id, CLIENT)
        await self.registry.follow(Following(connection_id, order_id, after))

    def relay(
        self, *, seconds: float = 30, lease: float = 0.03, poll: float = 0.02, idle: float = 30
    ) -> asyncio.Task[bool]:
        channel = MemoryChannel(self.redis, 0, next(self._fences))
        relay = Relay(channel, self.store, self.push, lease=lease, poll=poll, idle=idle)
        task = asyncio.create_task(relay.run(seconds))
        self.relays.append(task)
        return task

    async def sees(self, connection_id: str, seqs: list[int], order_id: str | None = None) -> None:
        """Wait until the client has got that many events, and hold them against `seqs`."""
        await eventually(lambda: len(self.push.seqs(connection_id, order_id)) >= len(seqs))
        assert self.push.seqs(connection_id, order_id) == seqs

    async def is_quiet(self) -> None:
        """Let whatever is under way come to its end: some polls and renewals of the lease."""
        looks = self.redis.looks
        await eventually(lambda: self.redis.looks > looks + 10)

    async def close(self) -> None:
        for task in self.relays:
            task.cancel()
        await asyncio.gather(*self.relays, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


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
    await eventually(lambda: not world.redis.followings[0])
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
    await eventually(lambda: not world.redis.followings[0])


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
    await eventually(lambda: not world.redis.followings[0])


async def test_who_unfollows_hears_no_more_and_the_other_does(world: World) -> None:
    world.relay()
    order_id = await world.order()
    for connection_id in ("leaves", "stays"):
        await world.follow(connection_id, order_id)
        await world.sees(connection_id, [1])
    await world.registry.unfollow("leaves", order_id)
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
            world.redis.followings[0].pop(("leaves", order_id), None)  # the relay has yet to hear of it
            taken_back.set()

    world.push.send = slow  # type: ignore[method-assign]
    await world.follow("leaves", order_id)
    await taken_back.wait()
    await world.registry.unfollow("leaves", order_id)
    await world.is_quiet()
    assert world.redis.followings[0] == {}


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
    await world.registry.unfollow("client", order_id)
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
    await eventually(lambda: not world.redis.followings[0])
    await world.move(first, *LIFE)
    await world.is_quiet()
    assert world.push.seqs("client", first) == [1]


@pytest.mark.parametrize("steps", range(5))
async def test_a_handover_leaves_no_gap_and_brings_nothing_twice(world: World, steps: int) -> None:
    first = world.relay(seconds=0.05)
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.move(order_id, *LIFE[:steps])
    await world.sees("client", WHOLE[: steps + 1])
    assert await first is True
    await world.move(order_id, *LIFE[steps : steps + 1])  # while nobody listens
    world.relay()
    await world.move(order_id, *LIFE[steps + 1 :])
    await world.sees("client", WHOLE)
    await world.is_quiet()
    assert world.push.seqs("client") == WHOLE


async def test_relays_that_follow_each_other_quickly_bring_everything_once(world: World) -> None:
    order_id = await world.order()
    await world.follow("client", order_id)

    async def serve() -> None:
        while await world.relay(seconds=0.01):
            pass

    world.relays.append(serving := asyncio.create_task(serve()))  # type: ignore[arg-type]
    for seq, status in enumerate(LIFE, start=2):
        await world.move(order_id, status)
        await world.sees("client", WHOLE[:seq])
    await world.registry.disconnect("client", CLIENT)
    serving.cancel()


async def test_a_relay_whose_time_is_over_says_that_another_is_needed(world: World) -> None:
    order_id = await world.order()
    await world.follow("client", order_id)
    assert await world.relay(seconds=0.02) is True
    assert world.redis.leases == {}


async def test_a_relay_ends_even_if_a_library_loses_its_cancellation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(MemoryChannel):
        async def heard(self) -> AsyncIterator[Heard]:
            async for heard in super().heard():
                yield heard
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    monkeypatch.setattr(services_relay, "CANCEL_AGAIN_S", 0.01)
    await world.registry.connect("client", CLIENT)
    relay = Relay(
        Stubborn(world.redis, 0, "stubborn"), world.store, world.push, lease=0.03, poll=0.02, idle=30
    )
    async with asyncio.timeout(5):
        assert await relay.run(0.05)
    assert await world.registry.idle_shards() == [0]


async def test_a_second_relay_leaves_the_shard_to_the_first(world: World) -> None:
    world.relay()
    await eventually(lambda: world.redis.leases)
    assert await world.relay() is False


async def test_a_relay_that_loses_its_lease_stops_and_leaves_the_registry_alone(world: World) -> None:
    first = world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    world.redis.leases[0] = "another relay"
    assert await first is False
    assert world.redis.leases == {0: "another relay"}
    assert world.redis.followings[0] == {("client", order_id): 1}


async def test_without_connections_a_relay_ends(world: World) -> None:
    assert await world.relay(idle=0.05) is False
    assert world.redis.leases == {}


async def test_a_relay_stays_while_anybody_is_connected(world: World) -> None:
    await world.registry.connect("client", CLIENT)
    relay = world.relay(idle=0.03, poll=0.01)
    await world.is_quiet()
    await asyncio.wait([relay], timeout=0.1)
    assert not relay.done()
    await world.registry.disconnect("client", CLIENT)
    assert await relay is False


async def test_who_connects_as_an_idle_relay_ends_gets_another(world: World) -> None:
    await eventually(lambda: True)
    release = MemoryChannel.release

    class Last(MemoryChannel):
        async def release(self) -> None:
            await world.registry.connect("last", CLIENT)
            await release(self)

    channel = Last(world.redis, 0, "ending")
    relay = Relay(channel, world.store, world.push, lease=0.03, poll=0.02, idle=0.02)
    assert await relay.run(30) is True


async def test_a_registry_that_was_emptied_is_filled_again_by_what_the_relay_knows(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    world.redis.flush()
    await eventually(lambda: world.redis.followings[0] == {("client", order_id): 1})
    await world.move(order_id, *LIFE)
    await world.sees("client", WHOLE)


async def test_a_store_that_is_away_for_a_while_delays_and_loses_nothing(world: World) -> None:
    world.relay()
    order_id = await world.order()
    world.store.away = True
    await world.follow("client", order_id)
    world.redis.rings = lambda event: 0
    await world.move(order_id, *LIFE)
    await eventually(lambda: world.store.refused > 2)
    assert world.push.seqs("client") == []
    world.store.away = False
    await world.sees("client", WHOLE)


async def test_a_redis_that_is_away_for_a_while_delays_and_loses_nothing(world: World) -> None:
    relay = world.relay(idle=0.05)
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])
    world.redis.away = True
    await world.move(order_id, *LIFE[:2])
    await world.sees("client", [1, 2, 3])  # by the poll
    await asyncio.wait([relay], timeout=0.1)
    assert not relay.done()
    world.redis.away = False
    await world.move(order_id, *LIFE[2:])
    await world.sees("client", WHOLE)
    await eventually(lambda: not world.redis.followings[0])


async def test_a_redis_that_is_away_as_a_relay_begins_is_asked_again(world: World) -> None:
    order_id = await world.order()
    await world.follow("client", order_id)
    followings, answers = MemoryChannel.followings, iter([False, False])

    class Flaky(MemoryChannel):
        async def followings(self) -> list[Following]:
            self._redis.away = not next(answers, True)
            try:
                return await followings(self)
            finally:
                self._redis.away = False

    relay = Relay(Flaky(world.redis, 0, "flaky"), world.store, world.push, lease=0.03, poll=0.02, idle=30)
    world.relays.append(asyncio.create_task(relay.run(30)))
    await world.sees("client", [1])


async def test_a_follow_that_could_not_be_read_is_not_forgotten(world: World) -> None:
    world.relay()
    order_id = await world.order()
    await eventually(lambda: world.redis.ears)
    await world.follow("client", order_id)
    world.redis.away = True  # before the relay has had its turn
    await world.is_quiet()
    assert world.push.seqs("client") == []
    world.redis.away = False
    await world.sees("client", [1])


async def test_a_store_that_breaks_in_an_unheard_of_way_does_not_silence_an_order(world: World) -> None:
    read, faults = world.store.events, iter([KeyError("a bug"), KeyError("a bug")])

    async def breaks(order_id: str, after: int = 0) -> list[Event]:
        if fault := next(faults, None):
            raise fault
        return await read(order_id, after)

    world.store.events = breaks  # type: ignore[method-assign]
    world.relay()
    order_id = await world.order()
    await world.follow("client", order_id)
    await world.sees("client", [1])


@pytest.mark.parametrize("garbage", [Heard(), Heard(event={}), Heard(event={"orderId": None, "seq": "x"})])
async def test_what_nobody_understands_does_not_stop_the_relay(world: World, garbage: Any) -> None:
    world.relay()
    order_id = await world.order()
    await eventually(lambda: world.redis.ears)
    world.redis.control(0, garbage)
    await world.follow("client", order_id)
    await world.sees("client", [1])


FAILED_LIFE = (Status.ROUTING, Status.FAILED)
REDRIVEN = [*range(1, 9)]  # pending, routing, failed; and then a whole life


async def test_a_redriven_order_is_told_from_its_first_event_and_from_behind_its_failure(
    world: World,
) -> None:
    world.relay()
    order_id = await world.order()
    await world.follow("live", order_id)
    await world.move(order_id, *FAILED_LIFE)
    await world.sees("live", [1, 2, 3])
    await world.is_quiet()  # nobody follows it any more
    redriven = await world.store.redrive(order_id)
    assert redriven is not None
    await world.events.publish(redriven)
    await world.follow("late", order_id)
    await world.follow("live", order_id, after=3)
    await world.move(order_id, *LIFE)
    await world.sees("late", REDRIVEN)
    await world.sees("live", REDRIVEN)


async def test_a_feed_that_seems_over_is_not_if_its_order_was_redriven_unheard(world: World) -> None:
    """As when Redis was away for the moment, and a follower still takes in the failure."""
    taking_in = asyncio.Event()
    push = world.push.send

    async def slow(connection_id: str, text: str) -> None:
        if connection_id == "slow" and '"failed"' in text:
            await taking_in.wait()
        await push(connection_id, text)

    world.push.send = slow  # type: ignore[method-assign]
    world.relay(poll=60)
    order_id = await world.order()
    await world.follow("slow", order_id)
    await world.sees("slow", [1])
    await world.move(order_id, *FAILED_LIFE)
    await world.sees("slow", [1, 2])
    await world.store.redrive(order_id)
    await world.follow("new", order_id)
    taking_in.set()
    await world.sees("new", [1, 2, 3, 4])
    await world.move(order_id, *LIFE)
    await world.sees("new", REDRIVEN)
