from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.domain.attempt import Attempt, Claim, Transition
from chalicelib.domain.errors import IllegalTransition, InsufficientLiquidity, QuoteTimeout
from chalicelib.domain.events import (
    OrderBuilding,
    OrderConfirmed,
    OrderFailed,
    OrderRetrying,
    OrderSubmitted,
)
from chalicelib.domain.lifecycle import Actor, Status, sources
from chalicelib.domain.order import Order
from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.transaction import SignedTransaction

from tests.samples import QUOTE, ROUTE, TERMS

AT = datetime(2026, 1, 31, 12, 0, 0, 0, UTC)
LATER = AT + timedelta(seconds=1)
SIGNED = SignedTransaction("signature", b"raw", 100)
POLICY = RetryPolicy()

STEPS: dict[Status, Callable[[Attempt], Transition]] = {
    Status.BUILDING: lambda attempt: attempt.build(ROUTE, SIGNED),
    Status.SUBMITTED: lambda attempt: attempt.submit(SIGNED),
    Status.CONFIRMED: lambda attempt: attempt.confirm(SIGNED, amount_out=149_490_000, slot=7),
    Status.PENDING: lambda attempt: attempt.fail_or_retry(QuoteTimeout(), POLICY, 0.5),
    Status.FAILED: lambda attempt: attempt.fail_or_retry(InsufficientLiquidity(), POLICY, 0.5),
}


def order(status: Status = Status.ROUTING, *, attempt: int = 1) -> Order:
    return Order("id", TERMS, status, attempt, 2, AT, AT, venue="raydium", error="No.")


def attempt_at(status: Status = Status.ROUTING, *, attempt: int = 1) -> Attempt:
    return Attempt(Claim(order(status, attempt=attempt), 5, resumed=False, transaction=None))


@pytest.mark.parametrize("target", STEPS)
@pytest.mark.parametrize("source", Status)
def test_a_step_is_taken_where_the_lifecycle_allows_it_and_is_an_error_elsewhere(
    source: Status, target: Status
) -> None:
    attempt = attempt_at(source)
    if source in sources(target, Actor.WORKER):
        transition = STEPS[target](attempt)
        assert (transition.order.id, transition.fence, transition.status) == ("id", 5, target)
        assert attempt.order.status is target
    else:
        with pytest.raises(IllegalTransition):
            STEPS[target](attempt)
        assert attempt.order == attempt.claim.order


def test_the_swap_is_built_with_its_route_and_stored_with_its_transaction() -> None:
    transition = attempt_at().build(ROUTE, SIGNED)
    assert transition.transaction is SIGNED
    order = transition.order
    assert (order.venue, order.quoted_out, order.minimum_out) == ("meteora", 151_000_000, 149_490_000)
    assert transition.event == OrderBuilding(ROUTE)


def test_later_steps_name_the_venue_that_was_built_for() -> None:
    attempt = attempt_at()
    attempt.build(ROUTE, SIGNED)
    assert attempt.submit(SIGNED).event == OrderSubmitted("meteora", "signature")
    confirmed = attempt.confirm(SIGNED, amount_out=149_490_000, slot=7, network_fee=5000, priority_fee=10_000)
    assert confirmed.event == OrderConfirmed(
        TERMS, "meteora", "signature", 149_490_000, 7, 5000, 10_000, QUOTE.amount_out, ROUTE
    )
    assert (confirmed.order.amount_out, confirmed.order.signature) == (149_490_000, "signature")


def test_a_resumed_order_keeps_the_venue_of_the_worker_before() -> None:
    assert attempt_at(Status.BUILDING).submit(SIGNED).event == OrderSubmitted("raydium", "signature")


def test_a_retry_has_its_delay_and_its_reason() -> None:
    transition = attempt_at(attempt=2).fail_or_retry(QuoteTimeout("No answer."), POLICY, 0.5)
    assert (transition.status, transition.retry_in_ms) == (Status.PENDING, 1125)
    assert transition.event == OrderRetrying("No answer.", "QUOTE_TIMEOUT", 1125)
    order = transition.order
    assert (order.attempt, order.error, order.code) == (3, "No answer.", "QUOTE_TIMEOUT")


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (3, QuoteTimeout("No answer.")),  # the last attempt
        (1, InsufficientLiquidity("No answer.")),  # no retry can help
    ],
)
def test_an_order_fails_with_its_number_of_attempts(
    attempt: int, error: QuoteTimeout | InsufficientLiquidity
) -> None:
    transition = attempt_at(attempt=attempt).fail_or_retry(error, POLICY, 0.5)
    assert (transition.status, transition.retry_in_ms) == (Status.FAILED, None)
    assert transition.event == OrderFailed("No answer.", error.code, attempt)


def test_a_claim_starts_the_routing_of_a_pending_order_only() -> None:
    routing = order(Status.PENDING).start_routing(LATER)
    assert (routing.status, routing.seq, routing.updated_at) == (Status.ROUTING, 3, LATER)
    event = routing.last_event()
    assert (event.seq, event.status, event.at, event.detail) == (3, Status.ROUTING, LATER, {})
    with pytest.raises(IllegalTransition):
        routing.start_routing(LATER)


def test_a_redrive_gives_a_failed_order_a_new_set_of_attempts_and_no_other() -> None:
    redriven = order(Status.FAILED, attempt=3).redrive(LATER)
    assert (redriven.status, redriven.attempt, redriven.seq, redriven.error) == (Status.PENDING, 1, 3, None)
    for status in set(Status) - {Status.FAILED}:
        with pytest.raises(IllegalTransition):
            order(status).redrive(LATER)
