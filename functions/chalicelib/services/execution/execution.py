"""The order of an attempt's steps: claim → route → keep → send → confirm; or retry, or fail.

Each step is stored, then announced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...domain.attempt import Attempt, Claim, Transition
from ...domain.errors import AttemptFailed, ClaimLost, WorkerLost
from ...domain.events import Event
from ...domain.lifecycle import Status
from ...domain.retry import RetryPolicy
from ...ports import tracing
from ...ports.store import Store
from ...ports.trading import Chain, Signer, Venue
from ..announcing import Announcer
from ..quoting import Quoting
from .admission import Admission, Outcome
from .routing import Routing
from .settlement import Settlement, Undecided

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """How long an attempt waits for its transaction (seconds), and how many attempts an order has."""

    confirm_timeout: float
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class Execution:
    """Works on orders. `jitter` draws from [0, 1)."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        venues: Mapping[str, Venue],
        quoting: Quoting,
        chain: Chain,
        signer: Signer,
        limits: ExecutionLimits,
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._limits = limits
        self._jitter = jitter
        self._admission = Admission(store)
        self._routing = Routing(quoting, venues, chain, signer)
        self._settlement = Settlement(chain, self._record, confirm_timeout=limits.confirm_timeout)

    async def process(self, order_id: str) -> Outcome:
        """Attempt the order, if it can be claimed. Raises TemporarilyUnavailable."""
        claim = await self._admission.claim(order_id)
        if not isinstance(claim, Claim):
            return claim
        order = claim.order
        with tracing.span("attempt", order=order.id, account=order.account.id, attempt=order.attempt) as span:
            attempt = Attempt(claim)
            outcome = await self._work(attempt)
            span.set(status=attempt.order.status.value, venue=attempt.order.venue, code=attempt.order.code)
            return outcome

    async def _work(self, attempt: Attempt) -> Outcome:
        wait_ms = int(self._limits.confirm_timeout * 1000)
        try:
            await (self._resume(attempt) if attempt.claim.resumed else self._trade(attempt))
        except AttemptFailed as error:
            return await self._fail_or_retry(attempt, error)
        except Undecided:
            await self._store.release(attempt.claim, wait_ms)
            return Outcome(done=False, retry_in_ms=wait_ms)
        except ClaimLost:
            _log_claim_lost(attempt)
            return Outcome(done=False, retry_in_ms=wait_ms)
        return Outcome(done=True)

    async def _trade(self, attempt: Attempt) -> Event:
        """Route, keep, send and settle an order that was pending; the event of its confirmation."""
        self._announcer.announce(attempt.order.last_event(), attempt.order)  # `routing`, stored by the claim
        route, transaction = await self._routing.route(attempt.order)
        await self._record(attempt.build(route, transaction))
        return await self._settlement.send_and_settle(attempt, transaction)

    async def _resume(self, attempt: Attempt) -> Event:
        """Settle what a lost worker has signed; the event of its confirmation."""
        if attempt.claim.transaction is None:
            raise WorkerLost
        return await self._settlement.settle(attempt, attempt.claim.transaction)

    async def _fail_or_retry(self, attempt: Attempt, error: AttemptFailed) -> Outcome:
        """Return the order to `pending` for its next attempt, or to its rest, or end it."""
        transition = attempt.fail_or_retry(error, self._limits.retry, self._jitter())
        try:
            await self._record(transition)
        except ClaimLost:
            _log_claim_lost(attempt)
        else:
            if transition.status is Status.OPEN:
                return Outcome(done=True)  # it gets another message when it fires again
        return Outcome(done=False, retry_in_ms=transition.retry_in_ms or 0)

    async def _record(self, transition: Transition) -> Event:
        event = await self._store.record(transition)
        self._announcer.announce(event, transition.order)
        return event


def _log_claim_lost(attempt: Attempt) -> None:
    log.warning("claim lost order=%s attempt=%d", attempt.order.id, attempt.claim.order.attempt)
