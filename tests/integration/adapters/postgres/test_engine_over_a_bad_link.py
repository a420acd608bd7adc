"""The whole engine over a link to Postgres that loses replies, and over a schema that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest
from chalicelib.config import Config

from local.engine import Engine
from local.services import Services
from tests.fakes import eventually
from tests.link import Link

BARE: dict[str, str] = {}
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}


@pytest.fixture
def services() -> Iterator[Services]:
    with Services(None, environ=BARE, durable=False) as running:
        yield running


async def submit(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/api/orders/execute", json=ORDER)


async def ends(http: httpx.AsyncClient, order_id: str) -> dict[str, Any]:
    """The order once it is confirmed."""

    async def confirmed() -> dict[str, Any] | None:
        found: dict[str, Any] = (await http.get(f"/api/orders/{order_id}")).json()
        return found if found["status"] == "confirmed" else None

    found = await eventually(confirmed)
    assert found
    return found


def count(services: Services, query: str) -> int:
    with psycopg.connect(services.endpoints.database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


async def test_no_submit_trades_twice_though_every_other_reply_of_postgres_is_lost(
    services: Services,
) -> None:
    replies = 0

    def every_other(reply: bytes) -> bool:
        nonlocal replies
        replies += reply.startswith(b"2")  # of a prepared statement
        return reply.startswith(b"2") and replies % 4 == 0

    async with Link.to(services.endpoints.database_url) as link:
        endpoints = replace(services.endpoints, database_url=link.url)
        config = Config(sim_latency=0.0, lease_ms=1000, sweep_after_ms=500)  # a worker may lose its order
        running = Engine(config, endpoints, port=0)
        async with running as engine, httpx.AsyncClient(base_url=engine.url, trust_env=False) as http:
            link.down.reset_when(every_other)
            answers = [await submit(http) for _ in range(20)]
            link.heal()
            assert link.down.faults > 5
            assert {answer.status_code for answer in answers} <= {202, 503}
            for answer in answers:
                assert answer.status_code == 202 or "orderId" in answer.json(), answer.text
            for answer in answers:
                if answer.status_code == 202:
                    await ends(http, answer.json()["orderId"])
    accepted = [answer.json()["orderId"] for answer in answers]
    assert count(services, "SELECT count(*) FROM orders") <= len(set(accepted)) == 20
    assert (
        count(services, "SELECT coalesce(max(n), 0) FROM (SELECT count(*) n FROM sim.swaps GROUP BY memo) s")
        == 1
    )


async def test_orders_are_worked_on_after_a_column_was_added_under_a_warm_engine(services: Services) -> None:
    running = Engine(Config(sim_latency=0.0), services.endpoints, port=0)
    async with running as engine, httpx.AsyncClient(base_url=engine.url, trust_env=False) as http:
        for _ in range(5):
            await ends(http, (await submit(http)).json()["orderId"])
        with psycopg.connect(services.endpoints.database_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE orders ADD COLUMN note text")
        for _ in range(5):
            answer = await submit(http)
            assert answer.status_code == 202
            await ends(http, answer.json()["orderId"])
        assert (await http.get("/api/orders")).status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER DATABASE postgres SET default_transaction_read_only = on",
        "ALTER ROLE postgres SET default_transaction_read_only = on",
    ],
)
async def test_health_is_degraded_while_no_order_can_be_stored(services: Services, statement: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'order-engine'"
    running = Engine(Config(sim_latency=0.0), services.endpoints, port=0)
    async with running as engine, httpx.AsyncClient(base_url=engine.url, trust_env=False) as http:
        assert (await http.get("/health")).status_code == 200
        with psycopg.connect(services.endpoints.database_url, autocommit=True) as connection:
            connection.execute(statement.encode())
            connection.execute(end.encode())
            answer = await http.get("/health")
            assert (answer.status_code, answer.json()["database"]) == (503, "unavailable")
            assert (await submit(http)).status_code == 503
            connection.execute(statement.replace("= on", "= off").encode())
            connection.execute(end.encode())

            async def is_well() -> bool:
                return (await http.get("/health")).status_code == 200

            assert await eventually(is_well)
            assert (await submit(http)).status_code == 202
