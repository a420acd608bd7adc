"""The counter of a client's outstanding orders equals their number after any sequence of operations."""

from __future__ import annotations

import asyncio
import random
import uuid
from pathlib import Path
from shutil import copy

import psycopg
import pytest
from chalicelib import migrations
from chalicelib.domain.errors import ClaimLost
from chalicelib.domain.lifecycle import Actor, Status, sources
from chalicelib.migrations import migrate
from chalicelib.ports.store import Claim, NewOrder

from local.services import Endpoints
from tests.databases import new_database
from tests.integration.adapters.postgres.shop import TERMS, PostgresShop
from tests.samples import step

CLIENTS = ("one", "other", "third")

COUNTED = (
    "SELECT client, sum(orders)::bigint AS n FROM outstanding_orders GROUP BY client HAVING sum(orders) <> 0"
)
ROWS = "SELECT client, count(*) AS n FROM orders WHERE status NOT IN ('confirmed', 'failed') GROUP BY client"


async def numbers(shop: PostgresShop, query: str) -> dict[str, int]:
    async with shop.database.connection() as connection:
        cursor = await connection.execute(query.encode())
        return {row["client"]: row["n"] for row in await cursor.fetchall()}


async def operate(shop: PostgresShop, orders: list[str], chance: random.Random, steps: int) -> None:
    """Random operations on orders; several run at once on the same ones."""
    for _ in range(steps):
        order_id = chance.choice(orders) if orders and chance.random() < 0.75 else ""
        if not order_id:
            orders.append(order_id := str(uuid.uuid4()))
            key = chance.choice([None, f"key {chance.randrange(20)}"])
            await shop.store.create(NewOrder(order_id, TERMS, chance.choice(CLIENTS), key))
            continue
        match chance.randrange(6):
            case 0:
                await shop.store.withdraw(order_id)
            case 1:
                await shop.store.redrive(order_id)
            case 2:
                await shop.store.acknowledge([order_id])
            case _:
                await work(shop, order_id, chance)


def following(status: Status) -> list[Status]:
    return sorted(target for target in Status if status in sources(target, Actor.WORKER))


async def work(shop: PostgresShop, order_id: str, chance: random.Random) -> None:
    claim = await shop.store.claim(order_id)
    if not isinstance(claim, Claim):
        return
    status = claim.order.status
    try:
        while (targets := following(status)) and chance.random() < 0.9:
            status = chance.choice(targets)
            await shop.store.record(step(claim, status, retry_in_ms=1))
            if status is Status.PENDING:
                return
    except ClaimLost:
        pass


@pytest.mark.parametrize("seed", range(3))
async def test_the_sum_is_the_number_of_orders_that_have_not_ended(
    postgres: PostgresShop, database_url: str, seed: int
) -> None:
    shops, orders = [postgres, PostgresShop(database_url), PostgresShop(database_url)], list[str]()
    try:
        for round_ in range(4):
            chances = [random.Random(f"{seed} {round_} {n}") for n in range(12)]
            await asyncio.gather(
                *(operate(shops[n % 3], orders, chance, 12) for n, chance in enumerate(chances))
            )
            assert await numbers(postgres, COUNTED) == await numbers(postgres, ROWS)
            await postgres.pass_time(21)  # every claim is lost
    finally:
        for shop in shops[1:]:
            await shop.database.close()
    stripes = await numbers(postgres, "SELECT 'all' AS client, count(*) AS n FROM outstanding_orders")
    assert stripes["all"] > len(CLIENTS)  # each connection's own


def test_a_database_that_has_orders_already_starts_with_their_number(
    services: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in migrations.migrations():
        if path.name < "005":
            copy(path, tmp_path)
    with new_database(services.database_url) as url:
        with monkeypatch.context() as older:
            older.setattr(migrations, "folders", lambda world: (tmp_path,))
            migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps, client, status)"
                " SELECT gen_random_uuid(), 'SOL', 'USDC', 1, 1, client, status::order_status"
                " FROM unnest('{one,other}'::text[]) AS client,"
                " unnest('{pending,routing,submitted,confirmed,failed}'::text[]) AS status"
            )
        migrate(url)
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT client, sum(orders) FROM outstanding_orders GROUP BY client ORDER BY client"
            ).fetchall() == [("one", 3), ("other", 3)]
            assert connection.execute(
                "SELECT count(*) FROM orders WHERE queued_at IS NULL"
                " AND status NOT IN ('confirmed', 'failed')"
            ).fetchone() == (0,)
