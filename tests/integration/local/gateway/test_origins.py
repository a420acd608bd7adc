"""Pages of other origins can neither drive an open engine nor read its answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import psycopg
import pytest
from chalicelib.config import Config
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from local.endpoints import Endpoints
from local.engine import Engine

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
FOREIGN = ("http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "http://localhost")
LISTED = "https://trade.example"
ALLOW = "access-control-allow-origin"


@pytest.fixture
def endpoints(services: Endpoints, database_url: str) -> Endpoints:
    return replace(services, database_url=database_url)


@pytest.fixture
async def engine(endpoints: Endpoints) -> AsyncIterator[Engine]:
    """Open, with one origin beside its own."""
    config = Config(sim_latency=0.0, allowed_origins=f"{LISTED}, app://desk")
    async with Engine(config, endpoints, port=0) as engine:
        yield engine


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=engine.url, trust_env=False) as client:
        yield client


def stored(endpoints: Endpoints) -> int:
    with psycopg.connect(endpoints.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM orders").fetchone()
        assert row
        return int(row[0])


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_elsewhere_changes_nothing(
    client: httpx.AsyncClient, endpoints: Endpoints, origin: str
) -> None:
    before = stored(endpoints)
    for method, path, content_type in (
        ("POST", "/api/orders/execute", "text/plain"),  # which a browser sends without a preflight
        ("POST", "/api/orders/execute", "application/json"),
        ("POST", "/api/orders/batch", "application/json"),
        ("DELETE", "/api/orders", "application/json"),
    ):
        headers = {"Origin": origin, "Content-Type": content_type}
        answer = await client.request(method, path, headers=headers, content=json.dumps(ORDER))
        assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")
        assert ALLOW not in answer.headers
    assert stored(endpoints) == before


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_elsewhere_reads_nothing(client: httpx.AsyncClient, origin: str) -> None:
    for path in ("/", "/health", "/api/orders", "/nothing", "/api/orders/x"):
        answer = await client.get(path, headers={"Origin": origin})
        assert ALLOW not in answer.headers
        assert "Origin" in answer.headers["vary"].split(", ")
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/api/orders/execute", headers=asked)
    assert (preflight.status_code, preflight.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert ALLOW not in preflight.headers


async def test_a_page_of_the_engines_own_or_of_a_listed_origin_does_both(
    client: httpx.AsyncClient, engine: Engine, endpoints: Endpoints
) -> None:
    before = stored(endpoints)
    for origin in (engine.url, LISTED, "app://desk", None):
        headers = {"Origin": origin} if origin else {}
        preflight = await client.options("/api/orders/execute", headers=headers)
        submitted = await client.post("/api/orders/execute", json=ORDER, headers=headers)
        listed = await client.get("/api/orders", headers=headers)
        missing = await client.get("/nothing", headers=headers)
        answers = (preflight, submitted, listed, missing)
        assert [answer.status_code for answer in answers] == [200, 202, 200, 404]
        assert [answer.headers.get(ALLOW) for answer in answers] == [origin] * 4
        assert {answer.headers["vary"] for answer in answers} == {"Origin"}
    assert stored(endpoints) == before + 4


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_elsewhere_opens_no_websocket(engine: Engine, origin: str) -> None:
    url = engine.url.replace("http", "ws") + "/api/orders/execute"
    async with connect(url, additional_headers={"Origin": origin}) as socket:
        assert json.loads(await socket.recv())["code"] == "ORIGIN_NOT_ALLOWED"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert (socket.close_code, socket.close_reason) == (4403, "ORIGIN_NOT_ALLOWED")


async def test_a_page_that_may_opens_one(engine: Engine) -> None:
    url = engine.url.replace("http", "ws") + "/api/orders/execute"
    for origin in (engine.url, LISTED, None):
        headers = {"Origin": origin} if origin else {}
        async with connect(url, additional_headers=headers) as socket:
            await socket.send(json.dumps({"action": "ping"}))
            assert json.loads(await socket.recv()) == {"action": "pong"}


async def test_where_every_origin_may_ask_every_page_reads(endpoints: Endpoints) -> None:
    config = Config(sim_latency=0.0, allowed_origins="*")
    async with (
        Engine(config, endpoints, port=0) as engine,
        httpx.AsyncClient(base_url=engine.url, trust_env=False) as client,
    ):
        for method, path in (("GET", "/"), ("GET", "/nothing"), ("OPTIONS", "/"), ("DELETE", "/api/orders")):
            answer = await client.request(method, path, headers={"Origin": "http://evil.example"})
            assert answer.headers[ALLOW] == "*"
