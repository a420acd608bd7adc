"""Whether an order may be worked on now."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ...domain.lifecycle import Status
from ...domain.order import Order
from ...ports.store import Claim, Held, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do with the message: delete it (`done`), or have it delivered again in `retry_in_ms`.

    The message of a failed order is never deleted: SQS delivers it until it becomes a dead letter.
    """

    done: bool
    retry_in_ms: int = 0


class Admission:
    """Claims orders."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, order_id: str) -> Claim | Outcome:
        """The claim on the order, or the outcome of a message whose order can't be claimed."""
        claim = await self._store.claim(order_id)
        match claim:
            case Claim():
                return claim
            case Held():  # its worker has a message of its own; the sweep stands in if that worker is lost.
                # Or it rests, and gets another message when it fires.
                return Outcome(done=True)
            case Order():
                return Outcome(done=claim.status is not Status.FAILED)
            case None if await self._store.was_withdrawn(order_id):
                # The send failed and so the order was withdrawn, but the queue had taken the message.
                log.info("order withdrawn order=%s", order_id)
                return Outcome(done=True)
            case None:
                log.error("order unknown order=%s", order_id)
                return Outcome(done=False)
