"""Replies that are lost after the commit: each statement is run once more, and its caller sees one effect."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from chalicelib.adapters.postgres import database as adapter
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import ClaimLost, LimitReached, OutcomeUnknown, TemporarilyUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.terms import OrderType
from chalicelib.ports.store import Claim, NewOrder, OrderFilter, Reason
from chalicelib.ports.trading import Landed, SignedTransaction, Swap
from chalicelib.services.submission import Submission
from chalicelib.simulation.world import Simulation
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fakes import MemoryEvents, MemoryQueue, announcer
from tests.link import Link
from tests.samples import SOL, TERMS, USDC, step

SETTINGS = StoreSettings(lease_ms=20_000, sweep_after_ms=1, key_ttl_s=100, max_outstanding=3)
SIGNED = SignedTransaction("signature", b"raw", 2**40)

Lose = Callable[[str], None]


class World:
    """A store behind a link that loses replies, and the same tables without one."""

    def __init__(self, link: Link, url: str) -> None:
        self.link = link
        self.url = make_conninfo(url, host="127.0.0.1", port=link.port)
        self.database, self.straight = Database(self.url, timeout=1.0), Database(url)
        self.store = PostgresStore(self.database, SETTINGS, event_detail)
        self.truth = PostgresStore(self.straight, SETTINGS, event_detail)
        self.lost = 0
        self._asked = 0
        self._lost_name = b""
        forward = link.up.forward

        async def noting(data: bytes, writer: asyncio.StreamWriter) -> bool:
            self._asked += data.startswith(b"B") and self._lost_name in data  # the statement is executed
            return await forward(data, writer)

        link.up.forward = noting  # type: ignore[method-assign]

    def lose(self, name: str = "", times: int = 1, *, keep: int = 0) -> None:
        """Lose the next replies to a statement, or to any, after it has been carried out."""
        self._lost_name = name.encode() + b"\0"
        self._asked = self.lost = 0

        def is_reply(reply: bytes) -> bool:
            if not self._asked or self.lost == times or not reply.startswith(b"2"):
                return False
            self._asked -= 1
            self.lost += 1
            return True

        self.link.down.reset_when(is_reply, keep=keep)

    async def created(self, **fields: Any) -> str:
        new = self.new(**fields)
        assert isinstance(await self.store.create(new), Event)
        return new.id

    def new(self, **fields: Any) -> NewOrder:
        order_id = str(uuid.uuid4())
        return NewOrder(order_id, TERMS, **{"client": order_id, **fields})

    async def claimed(self) -> Claim:
        claim = await self.store.claim(await self.created())
        assert isinstance(claim, Claim)
        return claim

    async def failed(self) -> str:
        claim = await self.claimed()
        await self.store.record(step(claim, Status.FAILED))
        return claim.order.id

    async def steps(self, order_id: str) -> list[str]:
        return [event.status.value for event in await self.truth.events(order_id)]

    async def count(self, query: str, *parameters: object) -> Any:
        async with self.straight.connection() as connection:
            row = await (await connection.execute(query.encode(), parameters)).fetchone()
            assert row is not None
            return next(iter(row.values()))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    port = int(conninfo_to_dict(database_url)["port"] or 0)
    async with Link.to(f"tcp://127.0.0.1:{port}") as link:
        world = World(link, database_url)
        async with world.straight.connection() as connection:
            await connection.execute(
                "TRUNCATE orders, order_events, idempotency_keys, outstanding_orders, withdrawn_orders"
            )
        await world.store.check()
        yield world
        link.heal()
        await world.database.close()
        await world.straight.close()


@pytest.mark.parametrize("key", [None, "key"])
async def test_an_order_whose_reply_is_lost_is_accepted_once(world: World, key: str | None) -> None:
    queue, events = MemoryQueue(), MemoryEvents()
    submission = Submission(world.store, queue, announcer(events), lambda: str(uuid.uuid4()))
    for number in range(5):
        world.lose("create_orders")
        named = key and f"{key} {number}"
        submitted = await submission.submit(LOCAL, TERMS, client="one" * number, key=named)
        await submission.settled()
        assert world.lost == 1
        assert not submitted.replayed
        assert queue.sent[number:] == [submitted.order_id]
        assert await world.steps(submitted.order_id) == ["pending"]
        if named:
            again = await submission.submit(LOCAL, TERMS, client="other", key=named)
            assert (again.order_id, again.replayed) == (submitted.order_id, True)
    assert await world.count("SELECT count(*) FROM orders") == 5
    assert await world.count("SELECT sum(orders) FROM outstanding_orders") == 5


async def test_many_orders_whose_reply_is_lost_together_are_each_there_once(world: World) -> None:
    world.lose("create_orders", times=1)
    orders = [world.new(key=f"key {number}") for number in range(50)]
    created = await asyncio.gather(*map(world.store.create, orders))
    assert [event.order_id for event in created if isinstance(event, Event)] == [new.id for new in orders]
    assert await world.count("SELECT count(*) FROM orders") == 50


async def test_the_last_order_that_a_client_may_have_is_accepted_though_its_reply_is_lost(
    world: World,
) -> None:
    for _ in range(2):
        await world.created(client="one")
    world.lose("create_orders")
    await world.created(client="one")
    with pytest.raises(LimitReached):
        await world.created(client="one")


async def test_an_order_is_found_although_every_reply_to_its_creation_is_lost(world: World) -> None:
    world.lose("create_orders", times=99)
    order_id = await world.created()
    assert world.lost >= 2
    assert await world.steps(order_id) == ["pending"]


async def test_where_nothing_is_certain_the_error_says_so_with_the_orders_id(world: World) -> None:
    world.lose(times=99)
    new = world.new()
    with pytest.raises(OutcomeUnknown) as caught:
        await world.store.create(new)
    assert (caught.value.code, caught.value.details) == ("OUTCOME_UNKNOWN", {"order_id": new.id})
    assert await world.steps(new.id) == ["pending"]


async def test_where_nothing_was_sent_nothing_is_unknown(world: World) -> None:
    await world.link.close()
    with pytest.raises(TemporarilyUnavailable) as caught:
        await world.store.create(world.new())
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_a_link_that_goes_silent_after_the_commit_is_left_for_a_new_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "USE_S", 0.5)
    silent, link = False, world.link
    forward = link.down.forward

    async def swallow_one(data: bytes, writer: asyncio.StreamWriter) -> bool:
        nonlocal silent
        if not silent and link.up.last.startswith(b"B") and b"create_orders\0" in link.up.last:
            silent = True
            return True
        return await forward(data, writer)

    monkeypatch.setattr(link.down, "forward", swallow_one)
    order_id = await world.created()
    assert silent
    assert await world.steps(order_id) == ["pending"]


@pytest.mark.parametrize("keep", [1, 20, 60])
async def test_a_reply_that_is_cut_short_is_a_lost_one(world: World, keep: int) -> None:
    await world.created()
    world.lose("create_orders", keep=keep)
    order_id = await world.created()
    assert await world.steps(order_id) == ["pending"]


async def test_a_claim_whose_reply_is_lost_is_its_callers(world: World) -> None:
    await world.claimed()
    order_id = await world.created()
    world.lose("claim_orders")
    claim = await world.store.claim(order_id)
    assert world.lost == 1
    assert isinstance(claim, Claim)
    assert (claim.resumed, claim.order.status, claim.transaction) == (False, Status.ROUTING, None)
    assert await world.steps(order_id) == ["pending", "routing"]
    await world.store.record(step(claim, Status.BUILDING))
    assert not isinstance(await world.truth.claim(order_id), Claim)


async def test_a_resumed_claim_whose_reply_is_lost_is_resumed(world: World) -> None:
    claim = await world.claimed()
    await world.store.record(step(claim, Status.BUILDING, transaction=SIGNED))
    await world.store.release(claim, 0)
    world.lose("claim_orders")
    again = await world.store.claim(claim.order.id)
    assert world.lost == 1
    assert isinstance(again, Claim)
    assert (again.resumed, again.order.status, again.transaction) == (True, Status.BUILDING, SIGNED)
    with pytest.raises(ClaimLost):
        await world.store.record(step(claim, Status.SUBMITTED))


async def test_another_workers_claim_is_not_taken_for_ones_own(world: World) -> None:
    order_id = await world.created()
    assert isinstance(await world.truth.claim(order_id), Claim)
    world.lose("claim_orders")
    assert not isinstance(await world.store.claim(order_id), Claim)


def following(claim: Claim, status: Status, **known: Any) -> Any:
    """The claim's next step, numbered as the lifecycle numbers it."""
    moved = step(claim, status, **known)
    return replace(moved, order=replace(moved.order, seq=claim.order.seq + 1))


@pytest.mark.parametrize("status", [Status.BUILDING, Status.PENDING, Status.FAILED])
async def test_a_step_whose_reply_is_lost_is_stored_once(world: World, status: Status) -> None:
    await world.failed()
    claim = await world.claimed()
    world.lose("record_transitions")
    event = await world.store.record(following(claim, status, retry_in_ms=7))
    assert world.lost == 1
    assert await world.steps(claim.order.id) == ["pending", "routing", status.value]
    [*_, stored] = await world.truth.events(claim.order.id)
    assert event == stored
    ended = status is Status.FAILED
    assert await world.count("SELECT sum(orders) FROM outstanding_orders") == (0 if ended else 1)


async def test_a_step_is_lost_with_the_claim_though_its_reply_was_lost_too(world: World) -> None:
    claim = await world.claimed()
    await world.truth.release(claim, 0)
    assert isinstance(await world.truth.claim(claim.order.id), Claim)
    world.lose("record_transitions")
    with pytest.raises(ClaimLost):
        await world.store.record(following(claim, Status.BUILDING))
    assert await world.steps(claim.order.id) == ["pending", "routing"]


async def test_a_redrive_whose_reply_is_lost_is_reported_once(world: World) -> None:
    await world.store.redrive(await world.failed())
    order_id = await world.failed()
    world.lose("redrive_orders")
    event = await world.store.redrive(order_id)
    assert world.lost == 1
    [*_, stored] = await world.truth.events(order_id)
    assert event == stored
    assert stored.detail == {"redriven": 1}
    assert await world.truth.redrive(order_id) is None


async def test_a_withdrawal_whose_reply_is_lost_is_one(world: World) -> None:
    await world.store.withdraw(await world.created())
    order_id = await world.created()
    world.lose("withdraw_orders")
    assert await world.store.withdraw(order_id)
    assert world.lost == 1
    assert await world.truth.order(order_id) is None
    assert await world.count("SELECT sum(orders) FROM outstanding_orders") == 0


async def test_a_withdrawal_of_which_nothing_is_known_says_so(world: World) -> None:
    queue = MemoryQueue()
    submission = Submission(world.store, queue, announcer(MemoryEvents()), lambda: str(uuid.uuid4()))
    queue.unavailable = True
    world.lose("withdraw_orders", times=99)
    with pytest.raises(OutcomeUnknown):
        await submission.submit(LOCAL, TERMS)


async def test_what_changes_nothing_the_second_time_is_simply_said_again(world: World) -> None:
    claim = await world.claimed()
    key = world.new(key="key")
    await world.store.create(key)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "release_orders": lambda: world.store.release(claim, 5),
        "acknowledge_orders": lambda: world.store.acknowledge([claim.order.id]),
        "find_keys": lambda: world.store.create(world.new(key="key")),
        "forget_expired_keys": world.store.forget_expired_keys,
        "read_orders": lambda: world.store.order(claim.order.id),
        "read_events": lambda: world.store.events(claim.order.id),
        "newest_orders": lambda: world.store.orders(10),
        "newest_orders_of_types": lambda: world.store.orders(10, only=OrderFilter(types=[OrderType.MARKET])),
        "newest_orders_of_pairs": lambda: world.store.orders(10, only=OrderFilter(token_in=SOL)),
        "last_seqs": lambda: world.store.last_seqs([claim.order.id]),
        "any_queued_overdue": world.store.any_queued_overdue,
        "find_withdrawn": lambda: world.store.was_withdrawn(claim.order.id),
    }
    for name, call in calls.items():
        before = await call()
        world.lose(name)
        after = await call()
        assert world.lost == 1, name
        assert (after == before) or isinstance(after, Order), name


async def test_what_a_sweep_took_without_its_reply_the_next_one_takes(world: World) -> None:
    await world.store.take_overdue(10, drained_for_ms=None)
    order_id = await world.created()
    await asyncio.sleep(0.01)
    world.lose("take_overdue")
    taken = await world.store.take_overdue(10, drained_for_ms=None)
    assert world.lost == 1
    await asyncio.sleep(0.01)
    taken += await world.truth.take_overdue(10, drained_for_ms=None)
    assert {(overdue.order_id, overdue.reason) for overdue in taken} == {(order_id, Reason.UNACKNOWLEDGED)}


async def test_a_transaction_whose_reply_is_lost_lands_once(world: World) -> None:
    simulated = Simulation(Config(sim_latency=0.0), world.database)
    chain, wallet = simulated.chain, simulated.signer
    for number in range(2):
        swap = Swap("meteora", SOL, USDC, 10**9, 1)
        signed = wallet.sign(swap, f"order {number}", *await chain.latest_blockhash())
        if number:
            world.lose("store_transactions")
        await chain.send(signed)
        assert isinstance(await chain.status(signed.signature), Landed)
    assert world.lost == 1


async def test_a_fault_whose_count_is_lost_is_counted_once(world: World) -> None:
    simulated = Simulation(Config(sim_latency=0.0), world.database)
    subject = uuid.uuid4().hex
    assert await simulated._count("rule", subject, None) == 1
    world.lose("count_fault")
    assert await simulated._count("rule", subject, None) == 2
    assert world.lost == 1
    assert await simulated._count("rule", subject, None) == 3


async def test_no_pooled_connection_of_before_is_trusted_after_a_lost_reply(world: World) -> None:
    await asyncio.gather(*(world.store.orders(1) for _ in range(4)))
    before = world.link.connections
    world.link.cut()
    world.lose("create_orders")
    await world.created()
    assert world.link.connections > before
    async with await psycopg.AsyncConnection.connect(world.url) as connection:
        await connection.execute("SELECT 1")
