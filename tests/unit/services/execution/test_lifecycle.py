"""An order from its claim to its fill: its steps, and what its events show."""

from __future__ import annotations

from typing import Any

from chalicelib.api.wire.events import event_object
from chalicelib.domain.errors import VenueUnavailable
from chalicelib.services.execution import Outcome

from tests.unit.services.execution.world import ORDER, World


async def test_an_order_passes_every_step_once_and_each_is_published() -> None:
    world = await World().submit()
    assert await world.deliver() == Outcome(done=True)
    assert world.steps == [
        ("pending", 1),
        ("routing", 1),
        ("building", 1),
        ("submitted", 1),
        ("confirmed", 1),
    ]
    assert [event_object(event) for event in world.events.published] == world.shown[1:]  # without submit's
    world.check()


async def test_the_events_have_the_route_both_quotes_and_the_fill() -> None:
    world = await World().submit()
    await world.deliver()
    _, _, building, submitted, confirmed = world.shown
    assert building["chosen"] == "meteora"
    assert building["route"] == {
        "dex": "meteora",
        "amountOut": "151",
        "minimumOut": "149.49",
        "priceImpactBps": 1,
    }
    assert {name: quote["amountOut"] for name, quote in building["quotes"].items()} == {  # type: ignore[attr-defined]
        "raydium": "150",
        "meteora": "151",
    }
    assert (submitted["dex"], submitted["txHash"]) == ("meteora", "signature-1")
    assert {key: confirmed[key] for key in ("dex", "txHash", "executedPrice", "amountOut")} == {
        "dex": "meteora",
        "txHash": "signature-1",
        "executedPrice": "149.49",
        "amountOut": "149.49",
    }
    assert isinstance(confirmed["slot"], int)


async def test_the_signed_transaction_is_stored_before_it_is_sent() -> None:
    world = await World().submit()
    kept_at_send = []
    send = world.chain.send

    async def look_and_send(transaction: Any) -> str:
        kept_at_send.append(world.store.rows[ORDER].transaction == transaction)
        return await send(transaction)

    world.chain.send = look_and_send  # type: ignore[method-assign]
    await world.deliver()
    assert kept_at_send == [True]


async def test_one_venue_with_a_quote_is_enough() -> None:
    world = await World().submit()
    world.meteora.always = VenueUnavailable("Meteora is unavailable.")
    assert (await world.deliver()).done
    quotes: Any = world.shown[2]["quotes"]
    assert quotes["meteora"] == {"error": "Meteora is unavailable.", "code": "VENUE_UNAVAILABLE"}
    assert world.store.rows[ORDER].order.venue == "raydium"
