"""What can be asked beside orders of one's own: the list, a quote, the engine's health."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from tests.e2e.client import Client
from tests.e2e.life import JUPITER

# A price moves by less than this in the seconds between two questions.
DRIFT = Decimal("0.005")


async def test_orders_are_listed_newest_first_and_page_by_page_without_gap_or_overlap(client: Client) -> None:
    answers = [await client.submit("SOL", "USDC") for _ in range(6)]
    page = await client.get("/api/orders", limit=2)
    pages = [page["orders"]]
    for _ in range(2):
        page = await client.get("/api/orders", limit=2, cursor=page["next"])
        pages.append(page["orders"])
    listed = [[order["orderId"] for order in orders] for orders in pages]
    newest = [answer["orderId"] for answer in reversed(answers)]
    assert listed == [newest[:2], newest[2:4], newest[4:]]


async def test_the_last_page_has_no_next(client: Client) -> None:
    await client.submit("SOL", "USDC")
    page = await client.get("/api/orders", limit=200)
    seen = [order["orderId"] for order in page["orders"]]
    while page["next"] is not None:
        page = await client.get("/api/orders", limit=200, cursor=page["next"])
        seen += [order["orderId"] for order in page["orders"]]
    assert len(seen) == len(set(seen))


async def test_a_listed_order_is_what_the_order_itself_shows(client: Client) -> None:
    answer = await client.submit("SOL", "USDC")
    await client.follow(answer)
    order = await client.order(answer["orderId"])
    listed = (await client.get("/api/orders", limit=200))["orders"]
    assert order.items() >= next(one for one in listed if one["orderId"] == answer["orderId"]).items()


async def test_the_list_shows_only_the_status_that_was_asked_for(client: Client) -> None:
    confirmed = await client.submit("SOL", "USDC")
    failed = await client.submit("SOL", "USDC", "5000000000")
    await asyncio.gather(client.follow(confirmed), client.follow(failed))
    for status, order, other in (("confirmed", confirmed, failed), ("failed", failed, confirmed)):
        listed = (await client.get("/api/orders", status=status))["orders"]
        assert {one["status"] for one in listed} == {status}
        assert order["orderId"] in {one["orderId"] for one in listed}
        assert other["orderId"] not in {one["orderId"] for one in listed}


async def test_a_quote_is_what_an_order_would_be_built_on(client: Client) -> None:
    quote = await client.get("/api/quote", tokenIn="SOL", tokenOut="USDC", amount="1.5", slippageBps=200)
    building = (await client.execute("SOL", "USDC", "1.5", slippageBps=200))[2]
    assert set(quote) == {
        *("tokenIn", "tokenOut", "amount", "slippageBps"),
        *("chosen", "amountOut", "minimumOut", "quotes", "bestSingle", *JUPITER),
        *("quoteId", "expiresAt"),
    }
    assert (quote["tokenIn"], quote["tokenOut"], quote["amount"]) == ("SOL", "USDC", "1.5")
    assert quote["amountOut"] == quote["quotes"][quote["chosen"]]["amountOut"]
    least = (Decimal(quote["amountOut"]) * Decimal("0.98")).quantize(Decimal("1e-6"), ROUND_DOWN)
    assert Decimal(quote["minimumOut"]) == least
    for venue, asked in quote["quotes"].items():
        built = building["quotes"][venue]
        assert set(asked) == set(built)
        assert asked["fee"] == built["fee"]
        then, now = Decimal(asked["amountOut"]), Decimal(built["amountOut"])
        assert abs(then - now) <= now * DRIFT


async def test_an_order_that_names_a_quote_gets_no_less_than_its_minimum(client: Client) -> None:
    quote = await client.get("/api/quote", tokenIn="SOL", tokenOut="USDC", amount="1.5", slippageBps=50)
    events = await client.execute("SOL", "USDC", "1.5", quoteId=quote["quoteId"], slippageBps=5000)
    assert events[0]["minimumOut"] == quote["minimumOut"]
    assert events[2]["otherAmountThreshold"] == quote["otherAmountThreshold"]
    assert Decimal(events[-1]["amountOut"]) >= Decimal(quote["minimumOut"])


async def test_the_slippage_may_be_left_to_the_engine(
    client: Client,
) -> None:
    quote = await client.get("/api/quote", tokenIn="SOL", tokenOut="USDC", amount="1.5", slippageBps="auto")
    events = await client.execute("SOL", "USDC", "1.5", slippageBps="auto")
    assert events[0]["slippageBps"] == "auto"
    for shown in (quote, events[2]):
        assert 10 < shown["slippageBps"] <= 300
        out, least = int(shown["outAmount"]), int(shown["otherAmountThreshold"])
        assert least == out * (10_000 - shown["slippageBps"]) // 10_000
    assert (await client.get(f"/api/orders/{events[0]['orderId']}"))["slippageBps"] == "auto"


async def test_a_quote_orders_nothing(client: Client) -> None:
    before = (await client.get("/api/orders", limit=1))["orders"]
    await client.get("/api/quote", tokenIn="SOL", tokenOut="BONK", amount="3")
    after = (await client.get("/api/orders", limit=1))["orders"]
    assert [order["orderId"] for order in before] == [order["orderId"] for order in after]


async def test_a_quote_that_no_venue_can_give_says_why(client: Client) -> None:
    response = await client.ask("GET", "/api/quote", tokenIn="SOL", tokenOut="FIDA", amount="1")
    assert (response.status, response.json()["code"]) == (409, "QUOTE_TIMEOUT")


async def test_health_names_every_server(client: Client) -> None:
    health = await client.get("/health")
    assert datetime.fromisoformat(health.pop("timestamp"))
    assert health.pop("deadLetters").keys() == {"count", "oldestSeconds"}
    assert health == {"status": "ok", "database": "ok", "redis": "ok", "queue": "ok"}


async def test_the_front_page_names_every_endpoint(client: Client) -> None:
    index = await client.get("/")
    assert {"name", "description", "endpoints"} == set(index)
    assert "POST /api/orders/execute" in index["endpoints"].values()
