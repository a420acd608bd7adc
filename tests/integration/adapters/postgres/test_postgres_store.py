"""The store in Postgres alone: concurrent processes, batches, and an unavailable server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from chalicelib.adapters.postgres.database import Connection, Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.errors import ClaimLost, TemporarilyUnavailable
from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.migrations import migrate
from chalicelib.ports.store import Claim, Held, NewOrder, Store

from local.servers import Postgres
from tests.fakes import eventually
from tests.integration.adapters.postgres.shop import LIMITS, SETTINGS, TERMS, PostgresShop, Shop
from tests.samples import step

Step = Callable[[Store, Claim], Awaitable[object]]
STEPS: dict[str, Step] = {
    "claim": lambda store, claim: store.claim(claim.order.id),
    "record": lambda store, claim: store.record(step(claim, Status.BUILDING)),
    "acknowledge": lambda store, claim: store.acknowledge([claim.order.id]),
    "redrive": lambda store, claim: store.redrive(claim.order.id),
}


async def blocks_another(connection: Connection) -> bool:
    """Whether a session waits for a lock of this one."""
    cursor = await connection.execute(
        "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return cursor.rowcount > 0


async def test_two_processes_never_claim_the_same_order(postgres: PostgresShop, database_url: str) -> None:
    other = PostgresShop(database_url)
    try:
        orders = await asyncio.gather(*(postgres.new() for _ in range(60)))
        claims = await asyncio.gather(
            *(shop.store.claim(order_id) for order_id in orders for shop in (postgres, other, postgres))
        )
        granted = [claim.order.id for claim in claims if isinstance(claim, Claim)]
        assert sorted(granted) == sorted(orders)
        assert all(isinstance(claim, Claim | Held) for claim in claims)
        assert set((await postgres.store.last_seqs(orders)).values()) == {2}
    finally:
        await other.database.close()


async def test_two_sweeps_at_once_take_each_order_once(postgres: PostgresShop, database_url: str) -> None:
    other = PostgresShop(database_url)
    try:
        orders = await asyncio.gather(*(postgres.new() for _ in range(300)))
        await postgres.pass_time(61)

        async def sweep(shop: Shop) -> list[str]:
            taken: list[str] = []
            while some := await shop.take_overdue(20):
                taken += some
            return taken

        first, second, third = await asyncio.gather(sweep(postgres), sweep(other), sweep(other))
        assert sorted(first + second + third) == sorted(orders)
    finally:
        await other.database.close()


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_a_batch_that_waits_for_a_row_lock_holds_none_with_a_higher_id(
    postgres: PostgresShop, step: Step
) -> None:
    lowest, *others = sorted([await postgres.new() for _ in range(9)])
    claims = [await postgres.claim(order_id) for order_id in [*others[::-1], lowest]]
    await postgres.execute("UPDATE orders SET queued_at = NULL")  # or there is nothing to acknowledge
    async with postgres.database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [lowest])
        batch = asyncio.gather(*(step(postgres.store, claim) for claim in claims))
        await eventually(lambda: blocks_another(connection))
        # The first call of the batch went alone, and may hold its order for a moment yet.
        await eventually(lambda: _are_free(connection, others))
    await batch


async def test_a_worker_that_waits_while_its_order_is_claimed_again_has_lost_it(
    postgres: PostgresShop,
) -> None:
    claim = await postgres.claim(await postgres.new())
    async with postgres.database.connection() as connection, connection.transaction():
        await connection.execute("UPDATE orders SET fence = fence + 1 WHERE id = %s", [claim.order.id])
        late = asyncio.ensure_future(postgres.move(claim, Status.BUILDING))
        await eventually(lambda: blocks_another(connection))
    with pytest.raises(ClaimLost):
        await late
    assert len(await postgres.steps(claim.order.id)) == 2


async def test_an_order_and_its_event_are_stored_together_or_not_at_all(postgres: PostgresShop) -> None:
    order_id = await postgres.new()
    claim = await postgres.claim(order_id)
    await postgres.execute(  # takes the next event's seq
        "INSERT INTO order_events (order_id, seq, status, attempt, at, detail)"
        " VALUES (%s, 3, 'failed', 1, now(), '{}')",
        order_id,
    )
    before = await postgres.store.order(order_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await postgres.move(claim, Status.BUILDING)
    assert await postgres.store.order(order_id) == before


async def test_one_order_that_cannot_be_stored_does_not_fail_its_batch(postgres: PostgresShop) -> None:
    impossible = replace(TERMS, amount_in=0)
    results = await asyncio.gather(
        postgres.new(), postgres.new(impossible), postgres.new(), return_exceptions=True
    )
    assert [isinstance(result, psycopg.errors.CheckViolation) for result in results] == [False, True, False]


@pytest.mark.parametrize("amount", [0, -1, 10**20])
async def test_the_table_refuses_an_invalid_amount(postgres: PostgresShop, amount: int) -> None:
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
        await postgres.new(replace(TERMS, amount_in=amount))
    assert await postgres.store.orders(1) == []


async def test_a_killed_postgres_is_temporarily_unavailable_and_serves_again_after_its_restart(
    tmp_path: Path,
) -> None:
    server = Postgres(tmp_path / "postgres", durable=False, temporary=True)
    await asyncio.to_thread(server.start)
    database = Database(server.url, timeout=0.5)
    try:
        await asyncio.to_thread(migrate, server.url)
        store = PostgresStore(database, StoreSettings(**SETTINGS, **LIMITS), event_detail)
        order_id = str(uuid.uuid4())
        await store.create(NewOrder(order_id, TERMS))

        async def answers() -> bool:
            try:
                return await store.order(order_id) is not None
            except TemporarilyUnavailable:
                return False

        await asyncio.to_thread(server.kill)
        while await answers():
            pass  # its backends serve on for a moment
        calls = (
            store.check(),
            store.order(order_id),
            store.claim(order_id),
            store.take_overdue(1, drained_for_ms=0),
        )
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [TemporarilyUnavailable] * 4
        await asyncio.to_thread(server.start)
        assert await eventually(answers)
        assert isinstance(await store.claim(order_id), Claim)
    finally:
        await database.close()
        await asyncio.to_thread(server.stop)


async def test_connections_that_broke_while_idle_are_replaced_without_an_error(
    postgres: PostgresShop,
) -> None:
    order_id = await postgres.new()  # just now, so the pool does not check the connection before use
    await postgres.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    assert await postgres.store.order(order_id) is not None
    assert isinstance(await postgres.store.claim(order_id), Claim)


async def test_the_schema_has_the_terminal_statuses_of_the_lifecycle(postgres: PostgresShop) -> None:
    async with postgres.database.connection() as connection:
        found = await connection.execute(
            "SELECT status FROM unnest(enum_range(NULL::order_status)) AS status WHERE is_terminal(status)"
        )
        assert {Status(row["status"]) for row in await found.fetchall()} == TERMINAL


async def _are_free(connection: Connection, order_ids: list[str]) -> bool:
    """Whether no other transaction holds these orders."""
    rows = await connection.execute(
        "SELECT id FROM orders WHERE id::text = ANY (%s) FOR UPDATE SKIP LOCKED", [order_ids]
    )
    return len(await rows.fetchall()) == len(order_ids)
