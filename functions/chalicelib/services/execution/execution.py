"""The order of an attempt's steps: claim → route → keep → send → confirm; or retry, or fail.

Each step is stored, then published.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...domain.errors import AttemptFailed, ClaimLost, WorkerLost
from ...domain.lifecycle import Status
from ...domain.order import Event
from ...domain.retry import RetryPolicy
from ...ports.live import Events
from ...ports.metrics import Metrics
from ...ports.store import Claim, Store, Transition
from ...ports.trading import Chain, Signer, Venue
from ..quoting import Quoting, quotes_to_wire
from .admission import Admission, Outcome
from .routing import Routing
from .settlement import Settlement, Undecided

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """How long an attempt waits for its transaction (seconds), and how far an order may move the price."""

    confirm_timeout: float
    max_price_impact_bps: int
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class Execution:
    """Works on orders. `jitter` draws from [0, 1)."""

    def __init__(
        self,
        store: Store,
        events: Events,
        venues: Mapping[str, Venue],
        quoting: Quoting,
        chain: Chain,
        signer: Signer,
        limits: ExecutionLimits,
        jitter: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._events = events
        self._limits = limits
        self._jitter = jitter
        self._metrics = metrics
        self._admission = Admission(store, max_price_impact_bps=limits.max_price_impact_bps)
        self._routing = Routing(quoting, venues, chain, signer)
        self._settlement = Settlement(chain, self._record, confirm_timeout=limits.confirm_timeout)

    async def process(self, order_id: str) -> Outcome:
        """Attempt the order, if it can be claimed. Raises TemporarilyUnavailable."""
        claim = await self._admission.claim(order_id)
        return await self._work(claim) if isinstance(claim, Claim) else claim

    async def _work(self, claim: Claim) -> Outcome:
        wait_ms = int(self._limits.confirm_timeout * 1000)
        try:
            await self._attempt(claim)
        except AttemptFailed as error:
            return await self._fail(claim, error)
        except Undecided:
            await self._store.release(claim, wait_ms)
            return Outcome(done=False, retry_in_ms=wait_ms)
        except ClaimLost:
            log.warning("claim lost order=%s attempt=%d", claim.order.id, claim.order.attempt)
            return Outcome(done=False, retry_in_ms=wait_ms)
        return Outcome(done=True)

    async def _attempt(self, claim: Claim) -> None:
        if claim.resumed:
            if claim.transaction is None:
                raise WorkerLost
            confirmed = await self._settlement.settle(claim, claim.transaction, claim.order.status)
        else:
            confirmed = await self._trade(claim)
        self._metrics.confirmed((confirmed.at - claim.order.created_at).total_seconds() * 1000)

    async def _trade(self, claim: Claim) -> Event:
        """Route, keep, send and settle an order that was pending; the event of its confirmation."""
        order = claim.order
        self._events.publish(  # the claim has stored this one
            Event(order.id, order.seq, order.status, order.attempt, order.updated_at)
        )
        route = await self._routing.find(order.terms)
        self._admission.check_price_impact(route.quote)
        transaction = await self._routing.sign(order, route)
        quote, token_out = route.quote, order.terms.token_out
        chosen = {
            "dex": quote.venue,
            "amountOut": token_out.text(quote.amount_out),
            "minimumOut": token_out.text(route.minimum_out),
            "priceImpactBps": quote.price_impact_bps,
        }
        await self._record(
            Transition(
                order.id,
                claim.fence,
                Status.BUILDING,
                {"chosen": quote.venue, "route": chosen, "quotes": quotes_to_wire(route.answers)},
                dex=quote.venue,
                quoted_out=quote.amount_out,
                minimum_out=route.minimum_out,
                transaction=transaction,
            )
        )
        return await self._settlement.send_and_settle(claim, transaction, quote.venue)

    async def _fail(self, claim: Claim, error: AttemptFailed) -> Outcome:
        """Return the order to `pending` for its next attempt, or end it. Its transaction, if any, is dead."""
        order, retry = claim.order, self._limits.retry
        reason: dict[str, str] = {"error": str(error), "code": error.code}
        if error.retryable and not retry.is_last(order.attempt):
            delay_ms = retry.backoff_ms(order.attempt, self._jitter())
            transition = Transition(
                order.id,
                claim.fence,
                Status.PENDING,
                {**reason, "retryInMs": delay_ms},
                retry_in_ms=delay_ms,
                error=reason["error"],
                code=error.code,
            )
        else:
            delay_ms = 0
            transition = Transition(
                order.id,
                claim.fence,
                Status.FAILED,
                {**reason, "attempts": order.attempt},
                error=reason["error"],
                code=error.code,
            )
        try:
            await self._record(transition)
        except ClaimLost:
            log.warning("claim lost order=%s attempt=%d", order.id, order.attempt)
        else:
            if transition.status is Status.FAILED:
                self._metrics.failed()
        return Outcome(done=False, retry_in_ms=delay_ms)

    async def _record(self, transition: Transition) -> Event:
        event = await self._store.record(transition)
        self._events.publish(event)
        return event
