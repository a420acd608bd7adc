"""Snipers in a whole engine: a token is launched in the simulated market, reported again, and opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.simulation.database import SQL
from chalicelib.simulation.launch_plan import Plan
from chalicelib.simulation.launchpad import Launchpad

from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete, statuses
from tests.samples import new_mint

FIRED = ["open", "pending", "routing", "building", "submitted", "confirmed"]


class Market:
    """The market behind the engine, and a token that is to be launched there for a thousandth of a SOL."""

    def __init__(self, client: Client, launchpad: Launchpad) -> None:
        self.client = client
        self.mint = new_mint()
        self._launchpad = launchpad

    async def launch(self, *, opens_in_s: float = 0, **changes: Any) -> None:
        given: dict[str, Any] = {
            "price": Decimal("0.001"),
            "liquidity": Decimal(100),
            "mint": self.mint,
        } | changes
        plan = Plan("WIF", **given, opens_in_ms=int(opens_in_s * 1000))
        assert await self._launchpad.launch(plan) is not None

    async def snipe(self, price: str, **terms: object) -> Wire:
        return await self.client.submit("SOL", self.mint, "0.5", type="sniper", maxPrice=price, **terms)

    async def until_listed(self) -> Wire:
        async def listed() -> list[Wire]:
            tokens: list[Wire] = (await self.client.get("/api/tokens"))["tokens"]
            return [token for token in tokens if token["mint"] == self.mint]

        [token] = await eventually(listed)
        return token

    async def status(self, order: Wire) -> str:
        return str((await self.client.order(order["orderId"]))["status"])


@pytest.fixture
async def market(engine: Engine, client: Client) -> AsyncIterator[Market]:
    if engine.solana_url:
        pytest.skip("new pools are detected in the simulation alone")
    if not engine.database_url:
        pytest.skip("DATABASE_URL does not say where the engine's market is")
    database = Database(engine.database_url)
    database.load(SQL / "queries.sql")
    yield Market(client, Launchpad(database))
    await database.close()


async def test_a_sniper_is_filled_once_its_pool_is_open_however_often_that_is_reported(
    market: Market,
) -> None:
    order = await market.snipe("0.0011")
    assert order["status"] == "open"
    for _ in range(3):
        await market.launch()
    events = await market.client.follow(order)
    assert_complete(events)
    assert statuses(events) == FIRED
    assert Decimal("0.001") < Decimal(events[1]["triggerPrice"]) <= Decimal("0.0011")
    least = Decimal("454.545455")  # 0.5 / 0.0011, rounded up
    assert Decimal(events[-1]["amountOut"]) >= least
    shown = await market.client.order(order["orderId"])
    assert Decimal(shown["minimumOut"]) == least
    assert (shown["tokenOut"], shown["maxPrice"]) == (market.mint, "0.0011")
    await market.launch()
    assert evidence.landed_swaps_of(market.client.engine, order["orderId"]) == 1


async def test_a_pool_that_is_there_and_not_open_fires_nothing_and_lists_nothing(market: Market) -> None:
    first = await market.snipe("0.0011")
    await market.launch(opens_in_s=3600)
    other = Market(market.client, market._launchpad)
    await other.launch()
    await other.until_listed()  # so the launch before it has been reported as well
    assert await market.status(first) == "open"
    tokens = (await market.client.get("/api/tokens"))["tokens"]
    assert market.mint not in [token["mint"] for token in tokens]
    assert (await market.snipe("0.0011"))["status"] == "open"


async def test_a_sniper_waits_until_its_pool_opens(market: Market) -> None:
    order = await market.snipe("0.0011")
    await market.launch(opens_in_s=2)
    events = await market.client.follow(order)
    assert statuses(events) == FIRED
    assert (await market.until_listed())["openedAt"] <= events[1]["at"]


async def test_a_price_that_is_too_high_and_a_pool_that_is_too_shallow_leave_a_sniper_at_rest(
    market: Market,
) -> None:
    dear = await market.snipe("0.0009")
    shallow = await market.snipe("0.0011", minLiquidity="100.000000001")
    enough = await market.snipe("0.0011", minLiquidity="100")
    await market.launch()
    assert statuses(await market.client.follow(enough)) == FIRED
    assert [await market.status(order) for order in (dear, shallow)] == ["open", "open"]
    for order in (dear, shallow):
        assert (await market.client.ask("DELETE", f"/api/orders/{order['orderId']}")).status == 200


async def test_a_sniper_that_sells_another_token_buys_in_two_hops(market: Market) -> None:
    order = await market.client.submit("USDC", market.mint, "20", type="sniper", maxPrice="0.5")
    await market.launch()
    events = await market.client.follow(order)
    assert statuses(events) == FIRED
    assert [step["swapInfo"]["outputMint"] for step in events[3]["routePlan"]][-1] == market.mint


async def test_what_was_sniped_is_sold_by_its_mint_and_can_be_sniped_no_more(market: Market) -> None:
    await market.launch()
    token = await market.until_listed()
    assert (token["symbol"], token["decimals"], token["tradable"]) == ("WIF", 6, True)
    for token_in, token_out in (("SOL", market.mint), (market.mint, "SOL")):
        events = await market.client.execute(token_in, token_out, "0.1")
        assert statuses(events)[-1] == "confirmed"
    body = {"tokenIn": "SOL", "tokenOut": market.mint, "amount": 1, "type": "sniper", "maxPrice": "0.0011"}
    refused = await market.client.ask("POST", "/api/orders/execute", body)
    assert (refused.status, refused.json()["code"]) == (409, "TOKEN_LISTED")
