"""Failed attempts: which are retried, which fail the order, and with which events."""

from __future__ import annotations

import pytest
from chalicelib.domain.errors import InsufficientLiquidity, QuoteTimeout, SlippageExceeded, VenueUnavailable
from chalicelib.services.execution import Outcome

from tests.unit.services.execution.world import ORDER, World


async def test_a_quote_that_times_out_twice_is_retried_and_the_order_confirmed() -> None:
    world = await World().submit()
    for venue in (world.raydium, world.meteora):
        venue.script.extend([QuoteTimeout("No answer."), None])  # None: not even an error
    outcomes = await world.deliver_until_it_ends()
    assert outcomes == [Outcome(False, 562), Outcome(False, 1125), Outcome(True)]
    assert world.steps == [
        ("pending", 1),
        ("routing", 1),
        ("pending", 2),
        ("routing", 2),
        ("pending", 3),
        ("routing", 3),
        ("building", 3),
        ("submitted", 3),
        ("confirmed", 3),
    ]
    assert [step["retryInMs"] for step in world.shown if "retryInMs" in step] == [562, 1125]
    assert [step["code"] for step in world.shown if "code" in step] == ["QUOTE_TIMEOUT"] * 2
    assert world.shown[2]["error"] == "No answer."
    world.check()


async def test_an_order_that_always_fails_is_failed_once_after_three_attempts() -> None:
    world = await World().submit()
    world.raydium.always = world.meteora.always = VenueUnavailable("No venue answers.")
    outcomes = await world.deliver_until_it_ends()
    assert [outcome.done for outcome in outcomes] == [False] * 3
    assert outcomes[-1].retry_in_ms == 0  # to the dead letters at once
    last = world.shown[-1]
    assert (last["status"], last["attempts"], last["error"], last["code"]) == (
        "failed",
        3,
        "No venue answers.",
        "VENUE_UNAVAILABLE",
    )
    assert (await world.deliver()) == Outcome(done=False)  # delivered again, it has no new event
    assert world.shown[-1] == last
    order = world.store.rows[ORDER].order
    assert (order.error, order.code) == ("No venue answers.", "VENUE_UNAVAILABLE")
    world.check()


@pytest.mark.parametrize(
    "error", [InsufficientLiquidity("The pool is dry."), None], ids=["no liquidity", "price impact"]
)
async def test_an_error_that_no_retry_can_mend_fails_the_order_at_once(error: Exception | None) -> None:
    world = await World().submit()
    for venue in (world.raydium, world.meteora):
        venue.always, venue.impact_bps = error, 1001
    assert await world.deliver() == Outcome(done=False)
    assert world.steps[-1] == ("failed", 1)
    assert world.shown[-1]["attempts"] == 1
    assert world.shown[-1]["code"] == ("INSUFFICIENT_LIQUIDITY" if error else "PRICE_IMPACT_TOO_HIGH")
    world.check()


async def test_a_time_out_is_retried_though_the_other_venue_lacks_liquidity() -> None:
    world = await World().submit()
    world.raydium.script.append(InsufficientLiquidity())
    world.meteora.script.append(QuoteTimeout())
    await world.deliver()
    assert world.steps[-1] == ("pending", 2)


async def test_slippage_on_chain_costs_an_attempt_and_the_next_signs_a_new_transaction() -> None:
    world = await World().submit()
    world.chain.script.append(SlippageExceeded())
    await world.deliver_until_it_ends()
    assert world.steps[2:6] == [("building", 1), ("submitted", 1), ("pending", 2), ("routing", 2)]
    assert world.shown[4]["code"] == "SLIPPAGE_EXCEEDED"
    assert [sent.signature for sent in world.chain.sent] == ["signature-1", "signature-2"]
    assert world.store.rows[ORDER].order.error is None  # a confirmed order has no error
    world.check()


async def test_an_unavailable_chain_costs_an_attempt_before_anything_is_signed() -> None:
    world = await World().submit()
    world.chain.unavailable = True
    await world.deliver()
    assert world.steps[-1] == ("pending", 2)
    assert world.shown[-1]["code"] == "CHAIN_UNAVAILABLE"


async def test_an_unexpected_error_of_a_venue_is_a_venue_error() -> None:
    world = await World().submit()
    world.meteora.always = world.raydium.always = RuntimeError("a bug in the venue")
    await world.deliver()
    assert world.shown[-1]["code"] == "VENUE_UNAVAILABLE"
    assert "bug" not in str(world.shown[-1]["error"])
