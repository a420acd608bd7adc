"""An order from submit to settlement, as the README describes it."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal
from uuid import UUID

import base58
import pytest

from tests.e2e.client import Client
from tests.e2e.life import assert_complete, statuses

SOL_MINT = "So11111111111111111111111111111111111111112"
USDC_MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"

HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]
VENUES = {"raydium", "meteora", "orca"}
QUOTE = {"dex", "price", "amountOut", "fee", "priceImpactBps"}


async def test_a_submit_answers_with_an_order_and_a_websocket_that_is_usable_as_it_is(client: Client) -> None:
    answer = await client.submit("SOL", "USDC", 1.5)
    assert set(answer) == {"orderId", "status", "websocket"}
    assert answer["status"] == "pending"
    assert str(UUID(answer["orderId"])) == answer["orderId"]
    events = await client.follow(answer)
    assert {event["orderId"] for event in events} == {answer["orderId"]}


async def test_an_order_goes_through_every_step_once_and_says_what_is_documented(client: Client) -> None:
    events = await client.execute("SOL", "USDC", "1.5", slippageBps=250)
    assert_complete(events)
    assert statuses(events) == HAPPY
    pending, _, building, submitted, confirmed = events
    assert {name: pending[name] for name in ("tokenIn", "tokenOut", "amount", "slippageBps")} == {
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amount": "1.5",
        "slippageBps": 250,
    }
    assert set(building["route"]) == {"dex", "amountOut", "minimumOut", "priceImpactBps"}
    assert set(building["quotes"]) == VENUES
    assert all(set(quote) == QUOTE for quote in building["quotes"].values())
    assert confirmed["txHash"] == submitted["txHash"]
    assert len(base58.b58decode(confirmed["txHash"])) == 64
    assert confirmed["dex"] == submitted["dex"] == building["route"]["dex"] == building["chosen"]
    assert isinstance(confirmed["slot"], int)


async def test_an_order_is_routed_to_the_venue_that_leaves_the_trader_with_more(client: Client) -> None:
    building = (await client.execute("USDC", "BONK", 100))[2]
    quotes = building["quotes"]
    chosen = max(quotes.values(), key=lambda quote: Decimal(quote["amountOut"]))
    assert building["chosen"] == chosen["dex"]
    assert building["route"]["amountOut"] == chosen["amountOut"]
    assert building["route"]["priceImpactBps"] == chosen["priceImpactBps"]


async def test_a_large_order_is_divided_among_venues_and_says_what_that_was_worth(client: Client) -> None:
    if client.engine.solana_url:
        pytest.skip("a venue on Solana fills whole orders; Jupiter's router divides them")
    events = await client.execute("USDC", "BONK", 300_000, maxPriceImpactBps=10_000, slippageBps=500)
    building, confirmed = events[2], events[-1]
    assert statuses(events) == HAPPY
    plan = building["routePlan"]
    sold = plan[0]["swapInfo"]["inputMint"]
    first = [step["swapInfo"] for step in plan if step["swapInfo"]["inputMint"] == sold]
    assert len(first) > 1
    assert sum(int(swap["inAmount"]) for swap in first) == int(building["inAmount"]) == 300_000 * 10**6
    largest = max(first, key=lambda swap: int(swap["inAmount"]))
    assert confirmed["dex"] == building["chosen"] == largest["label"]
    assert all(len(base58.b58decode(step["swapInfo"]["ammKey"])) == 32 for step in plan)
    route = building["route"]
    assert Decimal(route["amountOut"]) > Decimal(building["bestSingle"]["amountOut"])
    assert Decimal(building["outAmount"]) == Decimal(route["amountOut"]) * 10**5
    assert Decimal(building["otherAmountThreshold"]) == Decimal(route["minimumOut"]) * 10**5
    order = await client.order(building["orderId"])
    assert order["routePlan"] == plan
    assert set(order["fill"].pop("stepMs")) == {*HAPPY} - {"confirmed"}
    assert order["fill"] == confirmed["fill"]
    assert confirmed["fill"]["receivedOut"] == confirmed["amountOut"]
    assert confirmed["fill"]["bestSingle"] == building["bestSingle"]


async def test_money_is_exact_and_consistent_from_quote_to_fill(client: Client) -> None:
    events = await client.execute("SOL", "USDC", "2.000000001", slippageBps=100)
    route, confirmed = events[2]["route"], events[-1]
    quoted, minimum, received = (
        Decimal(text) for text in (route["amountOut"], route["minimumOut"], confirmed["amountOut"])
    )
    assert events[0]["amount"] == "2.000000001"
    assert minimum == (quoted * Decimal("0.99")).quantize(Decimal("1e-6"), ROUND_DOWN)
    assert received >= minimum
    exact = Context(prec=12, rounding=ROUND_DOWN).divide(received, Decimal("2.000000001"))
    assert Decimal(confirmed["executedPrice"]) == exact
    for amount in (
        route["amountOut"],
        route["minimumOut"],
        confirmed["amountOut"],
        confirmed["executedPrice"],
    ):
        assert isinstance(amount, str)
        assert "e" not in amount.lower()


async def test_an_order_that_names_no_slippage_gets_one_per_cent(client: Client) -> None:
    assert (await client.execute("SOL", "USDC"))[0]["slippageBps"] == 100


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (1.5, "1.5"),
        ("1.5", "1.5"),
        (2, "2"),
        ("0.000000001", "0.000000001"),  # one base unit
        ("1e-3", "0.001"),
        ("1.500000000000", "1.5"),  # zeros are no precision
        ("12345.678901234", "12345.678901234"),  # more digits than a float keeps
    ],
)
async def test_an_amount_is_a_number_or_a_string_and_is_kept_exactly(
    client: Client, amount: object, shown: str
) -> None:
    order = await client.submit("SOL", "USDT", amount)
    assert (await client.order(order["orderId"]))["amount"] == shown


async def test_a_token_is_named_by_symbol_or_mint(client: Client) -> None:
    first = (await client.execute(SOL_MINT, USDC_MINT))[0]
    assert (first["tokenIn"], first["tokenOut"]) == ("SOL", "USDC")
    mixed = (await client.execute("USDC", SOL_MINT))[0]
    assert (mixed["tokenIn"], mixed["tokenOut"]) == ("USDC", "SOL")


async def test_the_order_shows_the_events_of_the_stream(client: Client) -> None:
    answer = await client.submit("SOL", "USDC", "1.25")
    events = await client.follow(answer)
    order = await client.order(answer["orderId"])
    assert order.pop("events") == events
    assert order.pop("clientOrderId")  # the client library's own
    building, confirmed = events[2], events[-1]
    assert order.pop("fill").items() >= confirmed["fill"].items()
    addresses = [shown.pop("websocket").partition("&ticket=")[0] for shown in (order, answer)]
    assert addresses[0] == addresses[1]  # but for the ticket, of which each answer has its own
    assert order == {
        "orderId": answer["orderId"],
        "status": "confirmed",
        "attempt": 1,
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amount": "1.25",
        "slippageBps": 100,
        "dex": confirmed["dex"],
        "quotedOut": building["route"]["amountOut"],
        "minimumOut": building["route"]["minimumOut"],
        "amountOut": confirmed["amountOut"],
        "executedPrice": confirmed["executedPrice"],
        "txHash": confirmed["txHash"],
        "createdAt": events[0]["at"],
        "updatedAt": confirmed["at"],
        "routePlan": building["routePlan"],
    }
