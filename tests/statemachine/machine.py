"""The rules of the state machine: what can happen to orders, in sequences that hypothesis chooses.

A rule that starts a process runs it for `far` steps, or to its end (None). A process that is stopped in the
middle is later continued or crashed, or stays stopped while time passes and others take its work over.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from typing import Any, ClassVar, TypeVar

from chalicelib.domain.errors import (
    InsufficientLiquidity,
    SlippageExceeded,
    TransactionFailed,
    VenueUnavailable,
)
from chalicelib.domain.lifecycle import Status
from chalicelib.services.detection import Detection
from chalicelib.services.execution import Execution
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import MemoryStore
from tests.statemachine.invariants import Invariants
from tests.statemachine.processes import Fate, Process
from tests.statemachine.servers import SWEEP_AFTER_S
from tests.statemachine.world import LEASE_S, TERMS, World

Thing = TypeVar("Thing")

FAR = st.one_of(st.none(), st.integers(1, 11))
TIMES = st.sampled_from([0, 1, 2, 50])
NOT_FAR = st.sampled_from([None, 0, 1, 2])
KEYS = st.sampled_from([None, None, "a", "b"])
SECONDS = st.sampled_from([0.5, 3.0, 8.0, 13.0, 21.0, 61.0, 91.0, 301.0])
FATES: Any = st.sampled_from(
    ["hang", "hang", "hang", "drop", "lose reply", "refuse", SlippageExceeded(), TransactionFailed()]
)
NO_QUOTES: Any = st.sampled_from([VenueUnavailable(), VenueUnavailable(), None, InsufficientLiquidity()])
MOST_ALIVE, MOST_RUNNING, ROUNDS = 3, 6, 40


class OrderMachine(RuleBasedStateMachine):
    """A world, and the rules that change it."""

    execution: ClassVar[type[Execution]] = Execution
    store: ClassVar[type[MemoryStore]] = MemoryStore
    detection: ClassVar[type[Detection]] = Detection
    met: ClassVar[Counter[str]] = Counter()  # over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world = self.new_world()
        self.promises = Invariants(self.world)

    def new_world(self) -> World:
        return World(execution=self.execution, store=self.store, detection=self.detection)

    def go(self, process: Process | None, far: int | None) -> None:
        if process is None:
            return
        if far is None:
            process.finish()
        for _ in range(far or 0):
            process.step()

    def crash_of(self, process: Process) -> None:
        self.world.met[f"crash before {process.at}"] += 1
        process.crash()

    def one_running(self, data: st.DataObject) -> Process:
        """A running worker if there is one, else any running process."""
        return _pick(data, list(self.world.at_work) or self.world.running)

    def room(self) -> bool:
        return len(self.world.running) < MOST_RUNNING

    @initialize(key=KEYS, fate=FATES, times=TIMES, far=FAR)
    def begin(self, key: str | None, fate: Any, times: int, far: int | None) -> None:
        """An order, a fault of the chain, and a worker that has the order."""
        self.trouble_on_the_chain(fate, times)
        self.go(self.world.submit(TERMS["small"], key), None)
        self.go(self.world.deliver(self.world.queue.messages[0]), far)

    @precondition(lambda self: len(self.world.alive) < MOST_ALIVE and self.room())
    @rule(terms=st.sampled_from(sorted(TERMS)), key=KEYS, far=NOT_FAR)
    def submit(self, terms: str, key: str | None, far: int | None) -> None:
        self.go(self.world.submit(TERMS[terms], key), far)

    @precondition(lambda self: len(self.world.alive) < MOST_ALIVE and self.room())
    @rule(far=st.sampled_from([1, 2]), fate=st.sampled_from([None, *Fate]))
    def submit_badly(self, far: int, fate: Fate | None) -> None:
        """A submit that crashes or fails between commit and send, or before it records the send."""
        process = self.world.submit(TERMS["small"], None)
        self.go(process, far)
        if fate is None:
            self.crash_of(process)
        else:
            self.world.met[f"{fate.value}: {process.at}"] += 1
            process.step(fate)

    @precondition(lambda self: self.world.queue.visible and self.room())
    @rule(data=st.data(), far=FAR)
    def deliver(self, data: st.DataObject, far: int | None) -> None:
        self.go(self.world.deliver(_pick(data, self.world.queue.next)), far)

    @precondition(lambda self: self.world.queue.delivered and self.room())
    @rule(data=st.data(), far=FAR)
    def deliver_again(self, data: st.DataObject, far: int | None) -> None:
        """A message that was deleted, or that a worker has, is delivered again."""
        messages, alive = self.world.queue.delivered, self.world.alive
        of_living = [message for message in messages if message.order_id in alive]
        self.go(self.world.work(_pick(data, of_living or messages)), far)

    @precondition(lambda self: self.world.at_work and self.room())
    @rule(data=st.data(), far=FAR)
    def take_over(self, data: st.DataObject, far: int | None) -> None:
        """A worker is stopped for longer than its lease, and another gets its order."""
        message = _pick(data, list(self.world.at_work.values()))
        self.world.loop.sleep(LEASE_S + 1)
        self.go(self.world.work(message), far)

    @precondition(lambda self: self.room())
    @rule(sweeps=st.integers(1, 2), far=NOT_FAR)
    def sweep(self, sweeps: int, far: int | None) -> None:
        """One sweep, or two at once that take turns."""
        sweeping = [self.world.sweep() for _ in range(sweeps)]
        for _ in range(ROUNDS if far is None else far):
            for sweep in sweeping:
                sweep.step()

    @precondition(lambda self: self.world.queue.remaining and self.room())
    @rule(times=st.integers(2, 4))
    def sweep_a_backlog(self, times: int) -> None:
        """Several sweeps while no message is received for a long time."""
        for _ in range(times):
            self.world.loop.sleep(SWEEP_AFTER_S + 1)
            self.world.sweep().finish()

    @precondition(lambda self: self.world.queue.remaining)
    @rule()
    def lose_the_messages(self) -> None:
        """The queue loses its messages."""
        self.world.met["messages lost"] += 1
        self.world.queue.lose()

    @precondition(lambda self: self.world.with_status(Status.FAILED, Status.CONFIRMED) and self.room())
    @rule(data=st.data(), far=NOT_FAR)
    def redrive(self, data: st.DataObject, far: int | None) -> None:
        """Redrive a failed order; if there is none, another by mistake."""
        failed = self.world.with_status(Status.FAILED)
        self.go(self.world.redrive(_pick(data, failed or [*self.world.store.rows])), far)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data(), far=FAR)
    def go_on(self, data: st.DataObject, far: int | None) -> None:
        """Continue a stopped process, however long it was stopped."""
        self.go(self.one_running(data), far)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self.crash_of(self.one_running(data))

    @precondition(lambda self: self.world.running)
    @rule(data=st.data(), fate=st.sampled_from([Fate.BROKEN, Fate.REPLY_LOST]))
    def break_a_call(self, data: st.DataObject, fate: Fate) -> None:
        process = self.one_running(data)
        self.world.met[f"{fate.value}: {process.at}"] += 1
        process.step(fate)

    @rule(fate=FATES, times=TIMES)
    def trouble_on_the_chain(self, fate: Any, times: int) -> None:
        """The fate of the next `times` sends; with 50, workers give up before the last; 0 ends the faults."""
        self.world.chain.script.clear()
        self.world.chain.script.extend([fate] * times)

    @precondition(lambda self: self.world.chain.hanging)
    @rule(seconds=st.sampled_from([0.0, 13.0, 21.0]))
    def what_hangs_lands(self, seconds: float) -> None:
        """Hanging transactions land, then time passes before any process continues."""
        if any(map(self.world.landable, self.world.store.rows)):
            self.world.met["landed late"] += 1
        self.world.chain.settle()
        self.world.loop.sleep(seconds)

    @rule(answers=st.lists(NO_QUOTES, min_size=1, max_size=2))
    def trouble_at_the_venues(self, answers: list[Any]) -> None:
        for venue in self.world.venues.values():
            venue.script.extend(answers)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.world.loop.sleep(seconds)

    @invariant()
    def invariants_hold(self) -> None:
        self.promises.check()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # nothing has failed before
                self.drain()
        finally:
            self.met.update(self.world.met)
            self.world.close()

    def drain(self) -> None:
        """End all faults and run every process: each order and each message must come to its end."""
        world = self.world
        world.chain.script.clear()
        for venue in world.venues.values():
            venue.script.clear()
        for process in world.running:
            process.finish()
        for rounds in itertools.count():
            world.chain.settle()
            self.deliver_what_is_visible()
            self.promises.check()
            if not (world.alive or world.queue.remaining):
                break
            assert rounds < ROUNDS, "an order or a message does not end"
            world.loop.sleep(30)
            world.sweep().finish()
        self.count_ends()

    def deliver_what_is_visible(self) -> None:
        for message in self.world.queue.visible:
            self.go(self.world.deliver(message), None)

    def count_ends(self) -> None:
        world = self.world
        confirmed = world.with_status(Status.CONFIRMED)
        assert sorted(world.chain.swaps) == sorted(confirmed)
        world.met["confirmed"] += len(confirmed)
        world.met["failed"] += len(world.with_status(Status.FAILED))
        for log in world.store.log.values():
            world.met.update(f"code {event.detail['code']}" for event in log if "code" in event.detail)


def _pick(data: st.DataObject, things: list[Thing]) -> Thing:
    return things[data.draw(st.integers(0, len(things) - 1), label="which")]
