"""One attempt at one order: claim → quote both venues → route → build → sign → keep → send → confirm.

Each step is stored, then published. The transaction is kept with the step to `building`, before it is sent,
so whoever comes after a lost worker asks the chain about it first, sends the same bytes again while they
can land, and signs anew only once they can't: one order, one landed swap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    ChainUnavailable,
    ClaimLost,
    PriceImpactTooHigh,
    WorkerLost,
)
from ..domain.lifecycle import Status
from ..domain.order import Event, Order, executed_price
from ..domain.retry import RetryPolicy
from ..domain.routing import minimum_received
from ..ports.live import Events
from ..ports.metrics import Metrics
from ..ports.store import Claim, Held, Store, Transition
from ..ports.trading import Chain, Landed, ProgramError, SignedTransaction, Signer, TransactionStatus, Venue
from .quoting import Quoting, choose, quotes_to_wire

First = TypeVar("First")
Second = TypeVar("Second")

log = logging.getLogger(__name__)

FIRST_POLL_S = 0.025
LONGEST_POLL_S = (
    0.1  # what an order waits for nothing at its end; polls of all orders in flight travel together
)
RESEND_S = 0.4  # one slot


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the message: done with, or delivered again in `retry_in_ms`.

    The message of an order that failed is never done with: SQS delivers it until it is a dead letter.
    """

    done: bool
    retry_in_ms: int = 0


class Undecided(Exception):
    """The transaction may still land, and this attempt has waited long enough."""


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
        self._venues = venues
        self._quoting = quoting
        self._chain = chain
        self._signer = signer
        self._limits = limits
        self._jitter = jitter
        self._metrics = metrics

    async def process(self, order_id: str) -> Outcome:
        """Attempt the order, if it is to be had. Raises TemporarilyUnavailable."""
        claim = await self._store.claim(order_id)
        match claim:
            case Claim():
                return await self._work(claim)
            case Held():  # by one with a message of its own; the sweep stands behind it
                return Outcome(done=True)
            case Order():
                return Outcome(done=claim.status is Status.CONFIRMED)
            case None if await self._store.was_withdrawn(order_id):
                log.info("order %s was withdrawn: the queue had its message, and did not say so", order_id)
                return Outcome(done=True)
            case None:
                log.error("there is no order %s", order_id)
                return Outcome(done=False)

    async def _work(self, claim: Claim) -> Outcome:
        try:
            await self._attempt(claim)
        except AttemptFailed as error:
            return await self._fail(claim, error)
        except Undecided:
            wait_ms = int(self._limits.confirm_timeout * 1000)
            await self._store.release(claim, wait_ms)
            return Outcome(done=False, retry_in_ms=wait_ms)
        except ClaimLost:
            log.warning("order %s was taken over by another worker", claim.order.id)
            return Outcome(done=False, retry_in_ms=int(self._limits.confirm_timeout * 1000))
        return Outcome(done=True)

    async def _attempt(self, claim: Claim) -> None:
        order, terms = claim.order, claim.order.terms
        if claim.resumed:
            if claim.transaction is None:
                raise WorkerLost
            await self._settle(claim, claim.transaction, claim.order.status)
            return
        self._events.publish(
            Event(order.id, order.seq, order.status, order.attempt, order.updated_at)  # the claim's own event
        )

        # A blockhash lives for a minute, so it need not wait for the quotes.
        answers, (blockhash, last_valid) = await _both(self._quoting.ask(terms), self._latest_blockhash())
        quote = choose(answers)
        most = self._limits.max_price_impact_bps
        if quote.price_impact_bps > most:
            raise PriceImpactTooHigh(
                f"The order would move the price at {quote.venue}, its best venue, by "
                f"{quote.price_impact_bps / 100:.2f} %; at most {most / 100:.2f} % is allowed."
            )
        minimum_out = minimum_received(quote.amount_out, terms.slippage_bps)
        route = {
            "dex": quote.venue,
            "amountOut": terms.token_out.text(quote.amount_out),
            "minimumOut": terms.token_out.text(minimum_out),
            "priceImpactBps": quote.price_impact_bps,
        }
        swap = await self._venues[quote.venue].build(quote, minimum_out)
        transaction = self._signer.sign(swap, order.id, blockhash, last_valid)
        await self._record(
            Transition(
                order.id,
                claim.fence,
                Status.BUILDING,
                {"chosen": quote.venue, "route": route, "quotes": quotes_to_wire(answers)},
                dex=quote.venue,
                quoted_out=quote.amount_out,
                minimum_out=minimum_out,
                transaction=transaction,
            )
        )
        sent = await self._send(transaction)
        await self._settle(claim, transaction, Status.BUILDING, sent=sent, dex=quote.venue)

    async def _latest_blockhash(self) -> tuple[str, int]:
        try:
            return await self._chain.latest_blockhash()
        except (OSError, TimeoutError) as error:
            raise ChainUnavailable from error

    async def _settle(
        self,
        claim: Claim,
        transaction: SignedTransaction,
        status: Status,
        *,
        sent: bool = False,
        dex: str | None = None,
    ) -> None:
        """Follow the transaction until the chain has decided it, sending it again while it can land.

        Raises AttemptFailed once it can't land any more, Undecided when the time for waiting is over.
        """
        dex = dex or claim.order.dex
        submitted = Transition(
            claim.order.id, claim.fence, Status.SUBMITTED, {"dex": dex, "txHash": transaction.signature}
        )
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline, resend, poll = now + self._limits.confirm_timeout, now + RESEND_S, FIRST_POLL_S
        while True:
            if sent and status is Status.BUILDING:
                _, found = await _both(self._record(submitted), self._decided(transaction))
                status = Status.SUBMITTED
            else:
                found = await self._decided(transaction)
            if isinstance(found, Landed):
                if status is Status.BUILDING:
                    await self._record(submitted)
                await self._confirm(claim, transaction, found, dex)
                return
            if isinstance(found, ProgramError):
                raise found.error
            if loop.time() >= deadline:
                raise Undecided
            await asyncio.sleep(poll)
            if loop.time() >= resend or not sent:
                sent = await self._send(transaction) or sent
                resend = loop.time() + RESEND_S
            poll = min(2 * poll, LONGEST_POLL_S)

    async def _decided(self, transaction: SignedTransaction) -> TransactionStatus:
        """What became of it, None if that is still open. Raises BlockhashExpired when it is provably dead.

        The height is read before the status: whatever landed by then is seen, and nothing lands after.
        """
        try:
            height = await self._chain.block_height()
            found = await self._chain.status(transaction.signature)
        except (OSError, TimeoutError) as error:
            log.warning("the chain does not answer: %r", error)
            return None
        if found is None and height > transaction.last_valid_block_height:
            raise BlockhashExpired
        return found

    async def _send(self, transaction: SignedTransaction) -> bool:
        """Whether the chain has taken the bytes.

        If not, only its status tells what became of them: even of bytes that it refuses now, an earlier send
        may still land.
        """
        try:
            await self._chain.send(transaction)
        except (OSError, TimeoutError, AttemptFailed) as error:
            log.warning("sending %s: %r", transaction.signature, error)
            return False
        return True

    async def _confirm(
        self, claim: Claim, transaction: SignedTransaction, landed: Landed, dex: str | None
    ) -> None:
        terms = claim.order.terms
        event = await self._record(
            Transition(
                claim.order.id,
                claim.fence,
                Status.CONFIRMED,
                {
                    "dex": dex,
                    "txHash": transaction.signature,
                    "executedPrice": executed_price(terms, landed.amount_out),
                    "amountOut": terms.token_out.text(landed.amount_out),
                    "slot": landed.slot,
                },
                amount_out=landed.amount_out,
                tx_hash=transaction.signature,
            )
        )
        self._metrics.confirmed((event.at - claim.order.created_at).total_seconds() * 1000)

    async def _fail(self, claim: Claim, error: AttemptFailed) -> Outcome:
        """Give the order back for its next attempt, or end it. Its transaction, if any, is dead."""
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
            log.warning("order %s was taken over by another worker", order.id)
        else:
            if transition.status is Status.FAILED:
                self._metrics.failed()
        return Outcome(done=False, retry_in_ms=delay_ms)

    async def _record(self, transition: Transition) -> Event:
        event = await self._store.record(transition)
        self._events.publish(event)
        return event


async def _both(first: Awaitable[First], second: Awaitable[Second]) -> tuple[First, Second]:
    """What both give, run at the same time. Raises what one raised, the first's first, once both have ended.

    So nothing of an attempt is still under way when the attempt has failed.
    """
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]
