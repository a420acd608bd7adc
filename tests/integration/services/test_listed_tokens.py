"""Tokens that TOKEN_LIST adds are traded like any other: now, and once their price is there."""

from __future__ import annotations

import json

from tests.e2e.client import Client

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
