"""Tokens that TOKEN_LIST adds are traded like any other: now, and once their price is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from chalicelib.config import Config
from chalicelib.migrations import migrate
from httpx import AsyncClient

from local.engine import Engine
from local.services import Endpoints
from tests.databases import new_database
from tests.e2e.client import Client
from tests.fakes import eventually

WIF_MINT = "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm"
LIST = {"tokens": [{"address": WIF_MINT, "symbol": "WIF", "name": "dogwifhat", "decimals": 6}]}
SETTINGS = {"TOKEN_LIST": json.dumps(LIST), "SIM_LATENCY": "0"}


async def test_a_listed_token_is_bought_by_its_mint_and_sold_by_its_symbol(client: Client) -> None:
    bought = await client.execute("USDC", WIF_MINT, "20")
    assert (bought[0]["tokenOut"], bought[-1]["status"]) == ("WIF", "confirmed")
    sold = await client.execute("WIF", "USDC", bought[-1]["amountOut"])
    assert sold[-1]["status"] == "confirmed"
    [order] = (await client.get("/api/orders", tokenIn="WIF"))["orders"]
    assert order["orderId"] == sold[0]["orderId"]


async def test_an_order_of_a_listed_token_rests_until_its_price_is_there(client: Client) -> None:
    events = await client.execute("WIF", "SOL", "5", type="limit", limitPrice="0.000001")
    assert [event["status"] for event in events] == [
        *("open", "pending", "routing", "building", "submitted", "confirmed")
    ]


@asynccontextmanager
async def running(endpoints: Endpoints, **settings: Any) -> AsyncIterator[AsyncClient]:
    async with (
        Engine(Config(sim_latency=0.0, **settings), endpoints, port=0) as engine,
        AsyncClient(base_url=engine.url, trust_env=False) as http,
    ):
        yield http


async def test_orders_of_a_token_that_is_listed_no_more_are_read_and_can_be_cancelled(
    services: Endpoints,
) -> None:
    limit = {"tokenIn": "WIF", "tokenOut": "SOL", "amount": "5", "type": "limit", "limitPrice": "1000"}
    with new_database(services.database_url) as url:
        migrate(url)
        endpoints = replace(services, database_url=url)
        async with running(endpoints, token_list=json.dumps(LIST)) as http:
            resting = (await http.post("/api/orders/execute", json=limit)).json()["orderId"]
        async with running(endpoints) as http:
            [order] = (await http.get("/api/orders")).json()["orders"]
            assert (order["orderId"], order["tokenIn"], order["amount"]) == (resting, "WIF", "5")
            other = limit | {"tokenIn": "SOL", "tokenOut": "USDC", "limitPrice": "1"}
            fires = (await http.post("/api/orders/execute", json=other)).json()["orderId"]

            async def confirmed() -> bool:
                found: dict[str, str] = (await http.get(f"/api/orders/{fires}")).json()
                return found["status"] == "confirmed"

            await eventually(confirmed)
            refused = await http.post("/api/orders/execute", json=limit)
            assert (refused.status_code, refused.json()["code"]) == (404, "UNKNOWN_TOKEN")
            assert (await http.delete(f"/api/orders/{resting}")).json()["status"] == "cancelled"
