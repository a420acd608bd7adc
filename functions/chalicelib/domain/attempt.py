"""One attempt at an order: each step asks the lifecycle, and returns the transition to store.

routing ──build──▶ building ──submit──▶ submitted ──confirm──▶ confirmed
   └─────────────────┴── fail_or_retry ──┴──▶ pending (the next attempt), open (the price of a limit or
                                              a sniper is gone), or failed
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import AttemptFailed, BelowMinimumOut, PoolNotOpen, SlippageExceeded
from .events import (
    OrderBuilding,
    OrderConfirmed,
    OrderEvent,
    OrderFailed,
    OrderReopened,
    OrderRetrying,
    OrderSubmitted,
)
from .lifecycle import Status
from .order import Order
from .retry import RetryPolicy
from .routing import Route
from .transaction import SignedTransaction

PRICE_GONE = (BelowMinimumOut, SlippageExceeded, PoolNotOpen)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to move one order, until it is claimed again with a higher `fence`.

    `resumed`: the worker before was lost in the middle; `order.status` is where it got to, and `transaction`
    is what it had signed in this attempt, None if nothing.
    """

    order: Order
    fence: int
    resumed: bool
    transaction: SignedTransaction | None


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of an order to be stored: the event, and the order after it.

    `transaction` is what is about to be sent, kept in the same step.
    """

    order: Order
    fence: int
    event: OrderEvent
    transaction: SignedTransaction | None = None

    @property
    def status(self) -> Status:
        """The order's status after the step."""
        return self.event.status

    @property
    def retry_in_ms(self) -> int | None:
        """Milliseconds until the next attempt, if this one has failed and another follows."""
        return self.event.retry_in_ms if isinstance(self.event, OrderRetrying) else None


class Attempt:
    """The order as the holder of its claim moves it. A step out of turn raises IllegalTransition."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.order = claim.order
        self._route: Route | None = None

    def build(self, route: Route, transaction: SignedTransaction) -> Transition:
        """The route is chosen and the swap signed; `transaction` is kept, so it may be sent."""
        self._route = route
        return self._step(OrderBuilding(route), transaction)

    def submit(self, transaction: SignedTransaction) -> Transition:
        """The chain has acknowledged the transaction."""
        return self._step(OrderSubmitted(self._venue(), transaction.signature))

    def confirm(
        self,
        transaction: SignedTransaction,
        *,
        amount_out: int,
        slot: int,
        network_fee: int = 0,
        priority_fee: int = 0,
        compute_units: int | None = None,
    ) -> Transition:
        """The transaction has landed and gave `amount_out` base units; fees are in lamports."""
        order = self.order
        return self._step(
            OrderConfirmed(
                order.terms,
                self._venue(),
                transaction.signature,
                amount_out,
                slot,
                network_fee,
                priority_fee,
                order.quoted_out,
                self._route,
                compute_units,
            )
        )

    def fail_or_retry(self, error: AttemptFailed, policy: RetryPolicy, jitter: float) -> Transition:
        """The attempt came to nothing: the order waits for its next one, rests again, or has failed.

        Its transaction, if it has one, must be known to be dead.
        """
        attempt = self.order.attempt
        if self.order.terms.keeps_its_price and isinstance(error, PRICE_GONE):
            return self._step(OrderReopened(str(error), error.code))
        retry_in_ms = policy.retry_in_ms(error, attempt, jitter)
        if retry_in_ms is None:
            return self._step(OrderFailed(str(error), error.code, attempts=attempt))
        return self._step(OrderRetrying(str(error), error.code, retry_in_ms))

    def _venue(self) -> str:
        assert self.order.venue is not None  # stored with the step to `building`
        return self.order.venue

    def _step(self, event: OrderEvent, transaction: SignedTransaction | None = None) -> Transition:
        self.order = self.order.apply(event)
        return Transition(self.order, self.claim.fence, event, transaction)
