"""One attempt at an order: each step asks the lifecycle, and returns the transition to store.

routing ──build──▶ building ──submit──▶ submitted ──confirm──▶ confirmed
   └─────────────────┴── fail_or_retry ──┴──▶ pending (the next attempt) or failed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import AttemptFailed
from .lifecycle import Actor, Status, check
from .order import Order, executed_price
from .retry import RetryPolicy
from .routing import Route
from .transaction import SignedTransaction


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
    """One step of an order to be stored: its new status, the event's detail, and the row's new columns.

    `retry_in_ms` ends the attempt: the order is `pending` again, and due that much later. `transaction` is
    what is about to be sent, kept in the same step.
    """

    order_id: str
    fence: int
    status: Status
    detail: Mapping[str, object] = field(default_factory=dict)
    retry_in_ms: int | None = None
    dex: str | None = None
    quoted_out: int | None = None
    minimum_out: int | None = None
    amount_out: int | None = None
    tx_hash: str | None = None
    error: str | None = None
    code: str | None = None
    transaction: SignedTransaction | None = None


class Attempt:
    """The order as the holder of its claim moves it. A step out of turn raises IllegalTransition."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.order = claim.order

    def build(self, route: Route, transaction: SignedTransaction) -> Transition:
        """The route is chosen and the swap signed; `transaction` is kept, so it may be sent."""
        return self._step(
            Status.BUILDING,
            route.to_wire(),
            transaction=transaction,
            dex=route.quote.venue,
            quoted_out=route.quote.amount_out,
            minimum_out=route.minimum_out,
        )

    def submit(self, transaction: SignedTransaction) -> Transition:
        """The chain has acknowledged the transaction."""
        return self._step(Status.SUBMITTED, {"dex": self.order.dex, "txHash": transaction.signature})

    def confirm(self, transaction: SignedTransaction, *, amount_out: int, slot: int) -> Transition:
        """The transaction has landed and gave the trader `amount_out` base units."""
        terms = self.order.terms
        return self._step(
            Status.CONFIRMED,
            {
                "dex": self.order.dex,
                "txHash": transaction.signature,
                "executedPrice": executed_price(terms, amount_out),
                "amountOut": terms.token_out.text(amount_out),
                "slot": slot,
            },
            amount_out=amount_out,
            tx_hash=transaction.signature,
        )

    def fail_or_retry(self, error: AttemptFailed, policy: RetryPolicy, jitter: float) -> Transition:
        """The attempt came to nothing: the order waits for its next one, or has failed.

        Its transaction, if it has one, must be known to be dead.
        """
        reason: dict[str, Any] = {"error": str(error), "code": error.code}
        retry_in_ms = policy.retry_in_ms(error, self.order.attempt, jitter)
        if retry_in_ms is None:
            return self._step(Status.FAILED, {**reason, "attempts": self.order.attempt}, **reason)
        detail = {**reason, "retryInMs": retry_in_ms}
        return self._step(Status.PENDING, detail, retry_in_ms=retry_in_ms, **reason)

    def _step(
        self,
        target: Status,
        detail: Mapping[str, object],
        *,
        transaction: SignedTransaction | None = None,
        retry_in_ms: int | None = None,
        **columns: Any,
    ) -> Transition:
        order = self.order
        check(order.status, target, Actor.WORKER)
        self.order = replace(order, status=target, **columns)
        return Transition(
            order.id,
            self.claim.fence,
            target,
            detail,
            transaction=transaction,
            retry_in_ms=retry_in_ms,
            **columns,
        )
