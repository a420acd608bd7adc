"""MAX_ATTEMPTS is also the queue's receive count: an order has one dead letter, and only once it failed."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from chalicelib.config import Config

from local.engine import Engine
from local.services import Services

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
BASE_MS = 20


@pytest.mark.parametrize("hosts_sqs", [True, False], ids=["hosted", "in a process of its own"])
@pytest.mark.parametrize("attempts", [1, 5])
async def test_an_order_that_always_fails_has_one_dead_letter_and_no_attempt_is_late(
    attempts: int, hosts_sqs: bool
) -> None:
    environ = {
        "MAX_ATTEMPTS": str(attempts),
        "RETRY_BASE_MS": str(BASE_MS),
        "SIM_LATENCY": "0",
        "SIM_FAULTS": "quote-error",
        "SWEEP_AFTER_MS": "1000",
    }
    with Services(None, environ=environ, durable=False, hosts_sqs=hosts_sqs) as services:
        engine = Engine(Config.load(environ), services.endpoints, port=0, sqs=services.hosted_sqs)
        async with engine as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
            submitted = (await http.post("/api/orders/execute", json=ORDER)).json()
            path = f"/api/orders/{submitted['orderId']}"

            async def look() -> tuple[str, int]:
                letters = (await http.get("/health")).json()["deadLetters"]["count"]
                return (await http.get(path)).json()["status"], letters

            deadline = time.monotonic() + 20
            while (found := await look()) != ("failed", 1):
                assert found[1] == 0 or found[0] == "failed", "a dead letter, and the order lives"
                assert time.monotonic() < deadline, found
                await asyncio.sleep(0.02)
            events = (await http.get(path)).json()["events"]
            assert events[-1]["attempts"] == attempts
            assert [event["attempt"] for event in events if event["status"] == "routing"] == [
                *range(1, attempts + 1)
            ]
            until = time.monotonic() + 2.5  # two sweeps: whatever they queue again would be a second letter
            while time.monotonic() < until:
                assert await look() == ("failed", 1)
                await asyncio.sleep(0.1)
