"""/health while servers are killed, frozen and restarted: correct soon, and always answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chalicelib.config import Config

from local.engine import Engine
from local.gateway.settings import GatewaySettings
from local.servers import Server
from local.services import Services
from tests.fakes import eventually
from tests.silence import silenced

SOON_S = 10.0  # far less than requests that wait for a silent server take together
NAMES = {"database": "postgres", "redis": "valkey", "queue": "sqs"}
NO_ENVIRONMENT: dict[str, str] = {}
HANDLERS = GatewaySettings().handlers
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Services(None, environ=NO_ENVIRONMENT, durable=False) as running:
        yield running


class Health:
    """/health of one engine; every answer must come in time."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def answer(self) -> dict[str, Any]:
        began = time.monotonic()
        response = await self.http.get("/health")
        assert time.monotonic() - began < SOON_S
        found: dict[str, Any] = response.json()
        assert response.status_code == (200 if found["status"] == "ok" else 503)
        return found

    async def until(
        self, holds: Callable[[dict[str, Any]], bool], within_s: float = SOON_S
    ) -> dict[str, Any]:
        """The first answer for which the condition holds, which must come in time."""
        deadline = time.monotonic() + within_s
        while not holds(found := await self.answer()):
            assert time.monotonic() < deadline, found
        return found


@pytest.fixture
def server(services: Services, request: pytest.FixtureRequest) -> Server:
    found = getattr(services, NAMES[request.param])
    assert isinstance(found, Server)
    return found


def engine(services: Services) -> Engine:
    return Engine(Config(sim_latency=0.0), services.endpoints, port=0)


@pytest.mark.parametrize(("name", "server"), [(name, name) for name in NAMES], indirect=["server"], ids=NAMES)
async def test_a_killed_server_is_reported_until_it_is_back(
    services: Services, name: str, server: Server
) -> None:
    async with engine(services) as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
        health = Health(http)
        assert (await health.answer())["status"] == "ok"
        server.kill()
        down = await health.until(lambda answer: answer[name] == "unavailable")
        assert down["status"] == "degraded"
        assert {down[other] for other in NAMES if other != name} == {"ok"}
        assert (down["deadLetters"] is None) is (name == "queue")
        began = time.monotonic()
        while time.monotonic() - began < 4:  # long enough for several steps of a growing back-off
            assert (await health.answer())[name] == "unavailable"
            await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)
        up = await health.until(lambda answer: answer["status"] == "ok")
        assert up["deadLetters"] == {"count": 0, "oldestSeconds": None}


@pytest.mark.parametrize(("name", "server"), [(name, name) for name in NAMES], indirect=["server"], ids=NAMES)
async def test_an_unresponsive_server_is_reported_however_many_requests_wait_for_it(
    services: Services, name: str, server: Server
) -> None:
    limits = httpx.Limits(max_connections=200)
    async with (
        engine(services) as running,
        httpx.AsyncClient(base_url=running.url, trust_env=False, limits=limits, timeout=60) as http,
    ):
        health = Health(http)
        with silenced(server):
            waiting = [asyncio.create_task(http.post("/api/orders/execute", json=ORDER)) for _ in range(100)]
            await eventually(lambda: running.gateway.running >= HANDLERS)
            await health.until(lambda answer: answer[name] == "unavailable")
            assert (await health.answer())[name] == "unavailable"
        await health.until(lambda answer: answer["status"] == "ok")
        assert {(await answer).status_code for answer in waiting} <= {202, 503}
