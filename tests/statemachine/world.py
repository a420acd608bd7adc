"""The engine's use cases in a world in memory: clients submit, SQS delivers, workers work, sweeps sweep.

submit → store, queue → deliver → a worker at its gates → its message is done with, or due again
                          ▲ sweep, redrive, duplicates

Each of them is a process of its own, so any two may be in the middle of anything at the same time.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.errors import (
    EngineError,
    IdempotencyConflict,
    NotFound,
    OutcomeUnknown,
    TemporarilyUnavailable,
    TokenListed,
    TooLate,
)
from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.terms import Terms
from chalicelib.ports.store import Claim
from chalicelib.services.cancellation import Cancellation
from chalicelib.services.detection import Detection
from chalicelib.services.execution import Execution, ExecutionLimits, Outcome
from chalicelib.services.quoting import Quoting
from chalicelib.services.redrive import Redrive
from chalicelib.services.submission import Submission
from chalicelib.services.sweep import Sweep
from chalicelib.services.triggers import Triggers

from tests.fakes import (
    MemoryChain,
    MemoryEvents,
    MemoryLaunches,
    MemoryMetrics,
    MemorySigner,
    MemoryStore,
    MemoryVenue,
    announcer,
)
from tests.samples import SOL, USDC
from tests.statemachine.processes import Gated, Process, VirtualLoop
from tests.statemachine.servers import SWEEP_AFTER_S, Leases, Message, NoDeadLetters, Overdue, Sqs

TERMS = {"small": Terms(SOL, USDC, 10**9, 100), "large": Terms(SOL, USDC, 10**11, 100)}
LEASE_S, KEY_TTL_S, CONFIRM_S, SLOT_S = 20, 300, 4.0, 0.4
UNAVAILABLE_S = 5.0


ACCOUNTS = (Account("alice"), Account("bob"))


class World:
    """Starts processes, each of which stops before its first call; `met` counts what happened."""

    def __init__(
        self,
        *,
        execution: type[Execution] = Execution,
        store: type[MemoryStore] = MemoryStore,
        detection: type[Detection] = Detection,
    ) -> None:
        self.loop = VirtualLoop(self._on_time)
        self.store = store(lease_ms=LEASE_S * 1000, sweep_after_ms=SWEEP_AFTER_S * 1000, key_ttl_s=KEY_TTL_S)
        self.queue, self.events = Sqs(self.loop.time), MemoryEvents()
        self.venues = {name: MemoryVenue(name, out) for name, out in (("raydium", 150), ("meteora", 151))}
        self.chain, self.signer = MemoryChain(lives=30), MemorySigner()
        self.launches: MemoryLaunches | None = None  # where there are any
        self.processes: list[Process] = []
        self.accepted: set[str] = set()  # the orders that clients were given
        self.to_cancel: set[str] = set()  # the orders that their own account wanted cancelled
        self.met: Counter[str] = Counter()
        self._overdue = Overdue(self.store, self.queue, self.loop.time, self.met)
        self._execution = execution
        self._detection = detection
        self._workers: dict[Process, Message] = {}
        self._slots = 0.0
        self._ids = 0
        self._submits, self._cancels = itertools.count(), itertools.count()

    def submit(self, terms: Terms, key: str | None) -> Process:
        """A submit of one of the two accounts, in turn."""
        process, account = self._process("submit"), ACCOUNTS[next(self._submits) % 2]
        submission = Submission(
            self._to(process, self.store), self._to(process, self.queue), announcer(self.events), self._new_id
        )
        return self._start(process, self._submit(submission, account, terms, key))

    def deliver(self, message: Message) -> Process | None:
        """Give the message to a worker; None if it has become a dead letter."""
        if not self.queue.receive(message):
            self.met["dead letter"] += 1
            return None
        return self.work(message)

    def new_chain(self) -> Any:
        """The chain as a worker sees it."""
        return self.chain

    def work(self, message: Message) -> Process:
        process = self._process("worker")
        execution = self._execution(
            self._to(process, Leases(self.store)),
            announcer(self.events),
            self.venues,
            Quoting(self.venues, timeout=1.0, max_price_impact_bps=1000),
            Gated(self.new_chain(), process, TimeoutError),
            self.signer,
            ExecutionLimits(CONFIRM_S, RetryPolicy()),
            lambda: 0.5,
        )
        self._workers[process] = message
        return self._start(process, self._work(process, execution, message))

    def sweep(self) -> Process:
        process = self._process("sweep")
        sweep = Sweep(self._to(process, self._overdue), self._to(process, self.queue), batch=2)
        return self._start(process, self._sweep(process, sweep))

    def redrive(self, order_id: str) -> Process:
        process = self._process("redrive")
        store, queue = self._to(process, self.store), self._to(process, self.queue)
        redrive = Redrive(store, queue, announcer(self.events), NoDeadLetters())  # type: ignore[arg-type]
        return self._start(process, self._redrive(redrive, order_id))

    def trigger(self) -> Process:
        process = self._process("trigger")
        detection = None
        if self.launches is not None:
            detection = self._detection(self._to(process, self.launches), self._to(process, self.store))
        triggers = Triggers(
            self._to(process, self.store),
            self._to(process, self.queue),
            announcer(self.events),
            Quoting(self.venues, timeout=1.0, max_price_impact_bps=1000),
            MemoryMetrics(),
            detection=detection,
        )
        return self._start(process, self._trigger(triggers))

    def cancel(self, order_id: str) -> Process:
        """A cancel by the order's account; each third one is by the other."""
        process = self._process("cancel")
        cancellation = Cancellation(self._to(process, self.store), announcer(self.events))
        return self._start(process, self._cancel(cancellation, order_id, next(self._cancels) % 3 != 2))

    @property
    def running(self) -> list[Process]:
        return [process for process in self.processes if not process.over]

    @property
    def at_work(self) -> dict[Process, Message]:
        """The workers in the middle of something, and their messages."""
        return {process: message for process, message in self._workers.items() if not process.over}

    @property
    def alive(self) -> list[str]:
        return self.with_status(*(set(Status) - TERMINAL))

    def with_status(self, *statuses: Status) -> list[str]:
        return [order_id for order_id, row in self.store.rows.items() if row.order.status in statuses]

    def landable(self, order_id: str) -> set[str]:
        """The signatures of an order's transactions that are under way and may still land."""
        return {
            signature
            for signature, transaction in self.chain.hanging.items()
            if json.loads(transaction.raw)["memo"] == order_id
            and self.chain.height <= transaction.last_valid_block_height
            and signature not in self.chain.statuses
        }

    def close(self) -> None:
        for process in self.processes:
            process.crash()
        self.loop.close()

    async def _submit(self, submission: Submission, account: Account, terms: Terms, key: str | None) -> None:
        try:
            answer = await submission.submit(account, terms, key=key)
        except TemporarilyUnavailable:
            self.met["submit refused"] += 1
            return
        except TokenListed:
            self.met["token listed"] += 1
            return
        except IdempotencyConflict as conflict:
            first = self.store.rows[str(conflict.details["order_id"])].order
            assert (first.account, first.client_order_id, first.terms != terms) == (account, key, True)
            self.met["conflict"] += 1
            return
        self.accepted.add(answer.order_id)
        order = self.store.rows[answer.order_id].order
        assert (order.account, order.terms, order.client_order_id) == (account, terms, key)
        self.met["replayed" if answer.replayed else "accepted"] += 1
        await submission.settled()

    async def _work(self, process: Process, execution: Execution, message: Message) -> None:
        try:
            outcome = await execution.process(message.order_id)
        except EngineError:
            outcome = Outcome(done=False, retry_in_ms=int(UNAVAILABLE_S * 1000))
            self.met["worker gave up"] += 1
        claim = process.results.get("claim")
        if isinstance(claim, Claim):
            self._judge(claim, outcome)
        else:
            self.met[f"claim refused: {type(claim).__name__}"] += 1
        await process.stop_before("settle")
        self.queue.settle(message, outcome)

    def _judge(self, claim: Claim, outcome: Outcome) -> None:
        """A message is done with only when its order is confirmed, and comes back when the order is due."""
        row = self.store.rows[claim.order.id]
        self.met["resumed, signed" if claim.transaction else f"resumed: {claim.resumed}"] += 1
        if outcome.done:
            rested = any(
                event.status is Status.OPEN and event.seq > claim.order.seq
                for event in self.store.log[claim.order.id]
            )
            assert row.order.status is Status.CONFIRMED or rested, (
                "a message is done with, and its order is not"
            )
        elif row.fence != claim.fence:
            self.met["taken over"] += 1
        elif row.order.status is Status.PENDING:
            announced = self.store.log[claim.order.id][-1].detail.get("retryInMs", outcome.retry_in_ms)
            assert outcome.retry_in_ms in (announced, UNAVAILABLE_S * 1000), "a retry is due at another time"

    async def _trigger(self, triggers: Triggers) -> None:
        try:
            done = await triggers.once()
        except TemporarilyUnavailable:
            self.met["trigger gave up"] += 1
        else:
            self.met["fired"] += done.fired
            self.met["expired"] += done.expired

    async def _cancel(self, cancellation: Cancellation, order_id: str, is_owner: bool) -> None:
        owner = self.store.rows[order_id].order.account
        if is_owner:
            self.to_cancel.add(order_id)
        account = owner if is_owner else next(other for other in ACCOUNTS if other != owner)
        try:
            order = await cancellation.cancel(account, order_id)
        except TooLate:
            assert is_owner, "an account learns the status of another one's order"
            self.met["cancelled too late"] += 1
        except (NotFound, TemporarilyUnavailable):
            self.met["cancel gave up" if is_owner else "cancel of another account"] += 1
        else:
            assert is_owner, "an account has cancelled another one's order"
            assert order.status is Status.CANCELLED
            self.met["cancelled"] += 1

    async def _sweep(self, process: Process, sweep: Sweep) -> None:
        try:
            await sweep.run()
        except TemporarilyUnavailable:
            self.met["sweep gave up"] += 1

    async def _redrive(self, redrive: Redrive, order_id: str) -> None:
        try:
            tally = await redrive.run(LOCAL, [order_id])
        except TemporarilyUnavailable:
            self.met["redrive gave up"] += 1
        else:
            if tally.redriven:
                self.met["redriven"] += 1

    def _to(self, process: Process, port: Any) -> Any:
        ungated = {"forget_expired_keys"}
        return Gated(port, process, TemporarilyUnavailable, lost=OutcomeUnknown, ungated=ungated)

    def _process(self, kind: str) -> Process:
        process = Process(self.loop, f"{kind} {len(self.processes)}")
        self.processes.append(process)
        return process

    @staticmethod
    def _start(process: Process, work: Any) -> Process:
        process.start(work)
        return process

    def _new_id(self) -> str:
        self._ids += 1
        return f"order-{self._ids}"

    def _on_time(self, seconds: float) -> None:
        self.store.advance(seconds)
        self._slots += seconds / SLOT_S
        whole = int(self._slots)
        self._slots -= whole
        self.chain.height += whole
