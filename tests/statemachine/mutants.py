"""Engines with one defect each, which the state machine must find."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.attempt import Attempt
from chalicelib.domain.errors import AttemptFailed, BlockhashExpired, WorkerLost
from chalicelib.domain.events import Event
from chalicelib.domain.launch import Launch
from chalicelib.domain.lifecycle import Actor, Status, sources
from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.terms import OrderType
from chalicelib.ports.store import Claim, Fired, Overdue, PriceLevel, RestingOrder, Transition
from chalicelib.ports.trading import SignedTransaction, TransactionStatus
from chalicelib.services.detection import Detection
from chalicelib.services.execution import Execution, Outcome, Undecided
from chalicelib.services.execution.settlement import Settlement

from tests.fakes import MemoryStore
from tests.fakes.store import CLAIMED
from tests.statemachine.machine import OrderMachine

Mutant = type[Execution] | type[MemoryStore] | type[Detection] | type[Settlement]
"""Settlements are none once decorated, but mypy does not follow a class's decorator."""


def broken_settlement(mutant: type[Settlement]) -> type[Execution]:
    """The engine whose settlement is `mutant`."""

    class Broken(Execution):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            sound = self._settlement
            self._settlement = mutant(sound._chain, sound._record, confirm_timeout=sound._confirm_timeout)

    Broken.__name__ = mutant.__name__
    return Broken


class SignsAgainWithoutAsking(Execution):
    """A resumed order is signed again without a look at the status of its first transaction."""

    async def _resume(self, attempt: Attempt) -> Event:
        raise WorkerLost


@broken_settlement
class GivesUpOnALostReply(Settlement):
    """A send without an answer fails the attempt."""

    async def _send(self, transaction: SignedTransaction) -> bool:
        try:
            await self._chain.send(transaction)
        except TimeoutError:
            raise AttemptFailed from None
        except AttemptFailed:
            return False
        return True


@broken_settlement
class FailsWithALiveTransaction(Settlement):
    """An attempt fails after `confirm_timeout`, though its transaction may still land."""

    async def settle(self, *arguments: Any, **named: Any) -> Event:
        try:
            return await super().settle(*arguments, **named)
        except Undecided:
            raise BlockhashExpired from None


@broken_settlement
class AsksInTheWrongOrder(Settlement):
    """The status is read before the height: a transaction that lands in between counts as expired."""

    async def _decided(self, transaction: SignedTransaction) -> TransactionStatus:
        try:
            found = await self._chain.status(transaction.signature)
            height = await self._chain.block_height()
        except (OSError, TimeoutError):
            return None
        if found is None and height > transaction.last_valid_block_height:
            raise BlockhashExpired
        return found


class SendsBeforeItKeeps(Execution):
    """The transaction is sent before it is stored."""

    async def _trade(self, attempt: Attempt) -> Event:
        record, chain = self._store.record, self._settlement._chain

        async def send_and_record(transition: Transition) -> Event:
            if transition.transaction is not None:
                with suppress(TimeoutError, AttemptFailed):
                    await chain.send(transition.transaction)
            return await record(transition)

        self._store = _Instead(self._store, record=send_and_record)
        return await super()._trade(attempt)


class AcknowledgesBeforeItKnows(Execution):
    """The message of an order that is still undecided is deleted."""

    async def _work(self, attempt: Attempt) -> Outcome:
        return replace(await super()._work(attempt), done=True)


class LosesARetry(Execution):
    """The message of an order that waits for a retry is deleted."""

    async def _fail_or_retry(self, attempt: Attempt, error: AttemptFailed) -> Outcome:
        return replace(await super()._fail_or_retry(attempt, error), done=True)


class NeverStopsTrying(Execution):
    """There is no last attempt."""

    async def _fail_or_retry(self, attempt: Attempt, error: AttemptFailed) -> Outcome:
        self._limits = replace(self._limits, retry=RetryPolicy(max_attempts=1000))
        return await super()._fail_or_retry(attempt, error)


class KeepsNoTransaction(MemoryStore):
    """What was signed is not stored."""

    async def record(self, transition: Transition) -> Event:
        return await super().record(replace(transition, transaction=None))


class HasNoFence(MemoryStore):
    """A worker whose claim was lost may still move the order."""

    async def record(self, transition: Transition) -> Event:
        row = self.rows[transition.order.id]
        return await super().record(replace(transition, fence=row.fence))


class HasNoLease(MemoryStore):
    """A claim succeeds while another worker holds the lease."""

    async def claim(self, order_id: str) -> Any:
        if order_id in self.rows:
            self.rows[order_id].lease_until = None
        return await super().claim(order_id)


class KnowsNoLifecycle(MemoryStore):
    """Any transition is stored, whether the lifecycle allows it or not."""

    async def record(self, transition: Transition) -> Event:
        order = self.rows[transition.order.id].order
        if order.status not in sources(transition.status, Actor.WORKER):
            return self.append(order.id, transition.status)
        return await super().record(transition)


class WithdrawsWhatIsAtWork(MemoryStore):
    """An order is withdrawn although a worker has claimed it."""

    async def withdraw(self, order_id: str) -> bool:
        self.rows[order_id].fence = 0
        self.rows[order_id].order = replace(self.rows[order_id].order, status=Status.PENDING)
        return await super().withdraw(order_id)


class WithdrawsWhatWasReplayed(MemoryStore):
    """An order is withdrawn although a second submit was answered with it."""

    async def withdraw(self, order_id: str) -> bool:
        for key in self.keys.values():
            key.replayed = False
        return await super().withdraw(order_id)


class GivesOverdueOrdersOutTwice(MemoryStore):
    """Two sweeps in a row may take the same orders."""

    async def take_overdue(self, limit: int, *, drained_for_ms: int | None) -> list[Overdue]:
        due = {order_id: row.due_at for order_id, row in self.rows.items()}
        taken = await super().take_overdue(limit, drained_for_ms=drained_for_ms)
        for order in taken:
            self.rows[order.order_id].due_at = due[order.order_id]
        return taken


class TakesWaitingForLost(MemoryStore):
    """A sweep queues every overdue order, although its message waits in the queue."""

    def lost_messages(self, drained_for_ms: int | None) -> list[Overdue]:
        return super().lost_messages(drained_for_ms=0)


class TakesOvertakenByOthersForLost(MemoryStore):
    """A sweep queues an order once much later orders of another account are claimed."""

    def lost_messages(self, drained_for_ms: int | None) -> list[Overdue]:
        claimed = [row.order.created_at for row in self.rows.values() if row.order.status in CLAIMED]
        proofs = [(self.now - created_at) // timedelta(milliseconds=1) for created_at in claimed]
        proofs += [] if drained_for_ms is None else [drained_for_ms]
        return super().lost_messages(drained_for_ms=min(proofs, default=None))


class NeverLooksForLostMessages(MemoryStore):
    """An order whose message was acknowledged is never queued again."""

    def lost_messages(self, drained_for_ms: int | None) -> list[Overdue]:
        return []


class TakesReleasedForLost(MemoryStore):
    """An undecided order that its worker released counts as lost."""

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        queued_at = self.rows[claim.order.id].queued_at
        await super().release(claim, due_in_ms)
        self.rows[claim.order.id].queued_at = queued_at


class RedrivesWhatIsAlive(MemoryStore):
    """An order gets new attempts while it still has old ones."""

    async def redrive(self, order_id: str) -> Event | None:
        row = self.rows[order_id]
        row.order = replace(row.order, status=Status.FAILED)
        return await super().redrive(order_id)


class ForgetsKeys(MemoryStore):
    """An idempotency key is forgotten too early."""

    async def forget_expired_keys(self) -> None:
        self.keys.clear()


class FiresWhatIsOver(MemoryStore):
    """An order is fired whatever has become of it since the trigger looked."""

    async def fire(self, orders: Sequence[Fired]) -> list[Event]:
        for fired in orders:
            row = self.rows[fired.order_id]
            row.order = replace(row.order, status=Status.OPEN)
        return await super().fire(orders)


class CancelsWhatIsAtWork(MemoryStore):
    """An order is cancelled although a worker holds it."""

    async def cancel(self, order_id: str, account: Account = LOCAL) -> Event | None:
        row = self.rows[order_id]
        if not row.order.is_terminal:
            row.order = replace(row.order, status=Status.PENDING)
        return await super().cancel(order_id, account)


class CancelsForAnyAccount(MemoryStore):
    """An order is cancelled for any account that asks."""

    async def cancel(self, order_id: str, account: Account = LOCAL) -> Event | None:
        row = self.rows.get(order_id)
        return None if row is None else await super().cancel(order_id, row.order.account)


class ExpiresWhatIsAtWork(MemoryStore):
    """An order expires although a worker holds it."""

    async def expire(self, limit: int) -> list[Event]:
        for row in self.rows.values():
            if not row.order.is_terminal and self._is_over(row):
                row.order = replace(row.order, status=Status.PENDING)
        return await super().expire(limit)


class KeepsTheTransactionOfARest(MemoryStore):
    """A limit that rests again keeps what was signed for it, and its next worker settles that."""

    async def record(self, transition: Transition) -> Event:
        row = self.rows[transition.order.id]
        kept = transition.transaction or row.transaction
        event = await super().record(transition)
        if transition.status is Status.OPEN:
            row.transaction = kept
            row.order = replace(row.order, status=Status.BUILDING)
        return event


class FillsBelowTheLimit(Execution):
    """A limit is executed as a market order."""

    async def _trade(self, attempt: Attempt) -> Event:
        order = attempt.order
        attempt.order = replace(order, terms=replace(order.terms, floor_out=None))
        return await super()._trade(attempt)


class FailsWhenThePriceIsGone(Execution):
    """A limit whose price is gone spends an attempt, and fails after the last."""

    async def _fail_or_retry(self, attempt: Attempt, error: AttemptFailed) -> Outcome:
        order = attempt.order
        attempt.order = replace(order, terms=replace(order.terms, type=OrderType.MARKET))
        return await super()._fail_or_retry(attempt, error)


class FiresBeforeThePoolOpens(MemoryStore):
    """A pool counts as open once it is there."""

    async def open_launches(self, mints: Collection[str]) -> list[Launch]:
        self.launches = {
            pool: launch._replace(opens_at=min(launch.opens_at, self.now))
            for pool, launch in self.launches.items()
        }
        return await super().open_launches(mints)


class LooksAtNoLiquidity(MemoryStore):
    """A sniper fires whatever its pool holds."""

    async def resting_at(self, levels: Sequence[PriceLevel], limit: int) -> list[RestingOrder]:
        found = await super().resting_at([replace(level, liquidity=2**63) for level in levels], limit)
        return [replace(order, terms=replace(order.terms, min_liquidity=None)) for order in found]


class PaysAnyPrice(Execution):
    """A sniper that has fired is executed as a market order."""

    async def _trade(self, attempt: Attempt) -> Event:
        order = attempt.order
        attempt.order = replace(order, terms=replace(order.terms, type=OrderType.MARKET, floor_out=None))
        return await super()._trade(attempt)


class TakesALaunchBeforeItIsStored(Detection):
    """The detector need not report again what is not stored yet."""

    async def run(self) -> int:
        take = self._launches.take

        async def first_taken(launches: Sequence[Launch]) -> None:
            await take(launches)
            await self._store.add_launches(launches)

        store = _Instead(self._store, add_launches=first_taken)
        return await Detection(_Instead(self._launches, take=_nothing), store).run()


async def _nothing(launches: Sequence[Launch]) -> None:
    pass


class _Instead:
    """`port` with some of its calls replaced."""

    def __init__(self, port: Any, **calls: Any) -> None:
        self._port = port
        vars(self).update(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def machine_of(mutant: Mutant, machine: type[OrderMachine] = OrderMachine) -> type[OrderMachine]:
    """The state machine on an engine with this part."""
    parts = {Execution: "execution", MemoryStore: "store", Detection: "detection"}
    part = next(name for base, name in parts.items() if issubclass(mutant, base))
    return type(mutant.__name__, (machine,), {part: mutant})
