"""From a signed transaction to its end: send it, follow it until the chain has decided, record the fill.

new order       send ─▶ status? ─▶ landed          ─▶ submitted, confirmed
resumed order ────────▶ status? ─▶ program error   ─▶ the attempt fails (AttemptFailed)
                          ▲   └──▶ expired         ─▶ the attempt fails (BlockhashExpired)
                          │   └──▶ not seen, late  ─▶ Undecided: a later delivery resumes here
                          └─ send again ─┘ not seen, in time
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ...domain.attempt import Attempt, Transition
from ...domain.errors import AttemptFailed, BlockhashExpired
from ...domain.events import Event
from ...domain.lifecycle import Status
from ...ports import tracing
from ...ports.trading import Chain, Landed, ProgramError, SignedTransaction, TransactionStatus
from .both import both

log = logging.getLogger(__name__)

FIRST_POLL_S = 0.025
LONGEST_POLL_S = 0.1  # the most that a landed order waits for its last poll; orders' polls are batched
RESEND_S = 0.4  # one slot


class Undecided(Exception):
    """The transaction may still land, and this attempt has waited for `confirm_timeout`."""


class Settlement:
    """Settles signed transactions. `record` stores a transition and publishes its event."""

    # The invariants that keep an order at one landed swap through crashes, lost replies and late landings:
    #
    # 1. The transaction is kept (with the step to `building`) before it is sent. So a worker that resumes the
    #    order knows every transaction that the chain may have, and reads its status before anything else.
    # 2. The height is read before the status. A transaction that landed by that height shows in the status;
    #    one that does not show, at a height past its `last_valid_block_height`, never lands. Read the other
    #    way round, it could land between the two reads and be declared dead.
    # 3. The same bytes are sent again only while they can land; the chain lands the same bytes at most once.
    # 4. A failed send proves nothing: the chain may have taken the bytes. Only the status decides.
    # 5. Another transaction is signed only in another attempt, and an attempt ends only when its transaction
    #    has failed on the chain or is provably dead. Until then the order is undecided, for however long.

    def __init__(
        self,
        chain: Chain,
        record: Callable[[Transition], Awaitable[Event]],
        *,
        confirm_timeout: float,
    ) -> None:
        self._chain = chain
        self._record = record
        self._confirm_timeout = confirm_timeout

    async def send_and_settle(self, attempt: Attempt, transaction: SignedTransaction) -> Event:
        """Send a transaction that has just been kept, then settle it."""
        sent = await self._send(transaction)
        return await self.settle(attempt, transaction, sent=sent)

    async def settle(self, attempt: Attempt, transaction: SignedTransaction, *, sent: bool = False) -> Event:
        """Follow the transaction until the chain has decided it; return the event of its confirmation.

        `sent`: the chain has acknowledged it in this attempt. Raises AttemptFailed once the transaction can't
        land any more, Undecided after `confirm_timeout`.
        """
        with tracing.span("confirm", order=attempt.order.id, signature=transaction.signature):
            return await self._settle(attempt, transaction, sent=sent)

    async def _settle(self, attempt: Attempt, transaction: SignedTransaction, *, sent: bool) -> Event:
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline, resend, poll = now + self._confirm_timeout, now + RESEND_S, FIRST_POLL_S
        while True:
            if sent and attempt.order.status is Status.BUILDING:
                submitted = self._record(attempt.submit(transaction))
                _, found = await both(submitted, self._decided(transaction))
            else:
                found = await self._decided(transaction)
            if isinstance(found, Landed):
                if attempt.order.status is Status.BUILDING:
                    await self._record(attempt.submit(transaction))
                confirmed = attempt.confirm(
                    transaction,
                    amount_out=found.amount_out,
                    slot=found.slot,
                    network_fee=found.network_fee,
                    priority_fee=found.priority_fee,
                    compute_units=found.compute_units,
                )
                return await self._record(confirmed)
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
        """The transaction's status, None while undecided. Raises BlockhashExpired once it is dead."""
        try:
            height = await self._chain.block_height()  # before the status: invariant 2
            found = await self._chain.status(transaction.signature)
        except (OSError, TimeoutError) as error:
            log.warning("chain unavailable error=%r", error)
            return None
        if found is None and height > transaction.last_valid_block_height:
            raise BlockhashExpired
        return found

    async def _send(self, transaction: SignedTransaction) -> bool:
        """Whether the chain has acknowledged the bytes; if not, an earlier send may land all the same."""
        try:
            with tracing.span("send", signature=transaction.signature):
                await self._chain.send(transaction)
        except (OSError, TimeoutError, AttemptFailed) as error:
            log.warning("send failed signature=%s error=%r", transaction.signature, error)
            return False
        return True
