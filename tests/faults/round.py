"""One round: the load of a plan and its faults, until every order has ended and every client has seen it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from tests.faults.plan import SHARED_SOCKETS, Fault, Plan, Submit
from tests.faults.submitter import Submitter
from tests.faults.subscriber import Subscriber
from tests.faults.verdict import Verdict, judge, unfinished
from tests.faults.world import SERVERS, World

ENDS_WITHIN_S = 60.0  # after the last fault
LOOK_EVERY_S = 0.25


@dataclass
class Progress:
    """How far a round is."""

    orders: int
    taken: int = 0
    seen: int = 0
    killed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """A round that is over."""

    plan: Plan
    verdict: Verdict
    killed: Sequence[str]
    twice: int  # events that came again on a socket, because the relay was killed
    submits: str
    seconds: float


class Round:
    """A plan, carried out in `world`."""

    def __init__(
        self, world: World, plan: Plan, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        self._world = world
        self._plan = plan
        self._on_progress = on_progress or (lambda progress: None)
        self._progress = Progress(len(plan.submits))
        self._taken: dict[str, str] = {}  # key → order
        self._cancelled: dict[str, bool] = {}  # order → what its client was answered
        self._subscribers: list[Subscriber] = []
        self._turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._relay_killed_at: list[float] = []
        self._wrong: list[str] = []

    async def run(self) -> Outcome:
        """Carry it out, and judge."""
        began = time.monotonic()
        async with Submitter(self._world.engine) as submitter:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._inflict(began))
                tasks.create_task(self._load(submitter, began))
            answers = submitter.answers
        await self._recover()
        url = self._world.engine.database_url
        verdict = await asyncio.to_thread(judge, url, self._taken, self._cancelled)
        verdict.lost += len(self._plan.submits) - len(self._taken)
        self._judge_subscribers(verdict)
        verdict.wrong += self._wrong + answers.wrong
        submits = ", ".join(f"{status}: {count}" for status, count in sorted(answers.statuses.items()))
        twice = sum(len(subscriber.twice) for subscriber in self._subscribers)
        seconds = time.monotonic() - began
        submits += f", broken: {answers.broken}"
        return Outcome(self._plan, verdict, self._progress.killed, twice, submits, seconds)

    async def _inflict(self, began: float) -> None:
        """Kill what the plan says, when it says; servers come back by the same plan."""
        async with asyncio.TaskGroup() as tasks:
            for fault in self._plan.faults:
                tasks.create_task(self._strike(fault, began))

    async def _strike(self, fault: Fault, began: float) -> None:
        await asyncio.sleep(began + fault.at_s - time.monotonic())
        async with self._turns[fault.target]:  # one that is away already is killed when it is back
            if fault.target == "relay":
                self._relay_killed_at.append(time.monotonic())
            await asyncio.to_thread(self._world.kill, fault.target)
            self._progress.killed.append(fault.target)
            self._on_progress(self._progress)
            if fault.target in SERVERS:
                await asyncio.sleep(fault.away_s)
                await asyncio.to_thread(self._world.revive, fault.target)

    async def _load(self, submitter: Submitter, began: float) -> None:
        """Every client of the plan, until it has seen what it waits for, or it is too late for that."""
        shared: dict[int, list[asyncio.Future[str]]] = {number: [] for number in range(SHARED_SOCKETS)}
        last = max((fault.at_s + fault.away_s for fault in self._plan.faults), default=0.0)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + last + ENDS_WITHIN_S):
                async with asyncio.TaskGroup() as tasks:
                    for submit in self._plan.submits:
                        taking = tasks.create_task(self._take(submitter, submit, began))
                        if submit.cancel_after_s is not None:
                            tasks.create_task(self._cancel(submitter, taking, submit.cancel_after_s))
                        if submit.shared is None:
                            tasks.create_task(self._subscribe(taking))
                        else:
                            shared[submit.shared].append(taking)
                    for takings in shared.values():
                        tasks.create_task(self._subscribe(*takings))
        except TimeoutError:
            self._wrong.append("time ran out")

    async def _take(self, submitter: Submitter, submit: Submit, began: float) -> str:
        await asyncio.sleep(began + submit.at_s - time.monotonic())
        terms = submit.rest.terms() if submit.rest else {}
        answer = await submitter.submit(submit.key, submit.token, submit.amount, **terms)
        order_id = str(answer["orderId"])
        if self._taken.setdefault(submit.key, order_id) != order_id:
            self._wrong.append(f"{submit.key} was answered with two orders")
        self._progress.taken += 1
        self._on_progress(self._progress)
        return order_id

    async def _cancel(self, submitter: Submitter, taking: asyncio.Future[str], after_s: float) -> None:
        order_id = await taking
        await asyncio.sleep(after_s)
        self._cancelled[order_id] = await submitter.cancel(order_id)

    async def _subscribe(self, *takings: asyncio.Future[str]) -> None:
        if not takings:
            return
        order_ids = await asyncio.gather(*takings)
        subscriber = Subscriber(self._world.engine, *order_ids)
        self._subscribers.append(subscriber)
        await subscriber.run()
        self._progress.seen += len(order_ids)
        self._on_progress(self._progress)

    async def _recover(self) -> None:
        """Wait until all orders have ended, seen by a client or not, and /health is ok."""
        url, keys = self._world.engine.database_url, [*self._taken]
        deadline = time.monotonic() + ENDS_WITHIN_S / 4
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while time.monotonic() < deadline:
                health = await http.get(f"{self._world.engine.http_url}/health")
                if health.status_code == 200 and not await asyncio.to_thread(unfinished, url, keys):
                    return
                await asyncio.sleep(LOOK_EVERY_S)
        self._wrong.append(f"the engine did not recover: {health.text}")

    def _judge_subscribers(self, verdict: Verdict) -> None:
        """Each saw all of it, and nothing twice on one socket unless the relay was killed meanwhile."""
        for subscriber in self._subscribers:
            verdict.wrong += subscriber.wrong
            verdict.lost += sum("came" in wrong for wrong in subscriber.wrong)
            if not subscriber.is_done:
                verdict.stuck += 1
                verdict.wrong.append(f"a client has seen only {_ends(subscriber)}")
            verdict.wrong += [
                f"event {twice.seq} of {twice.order_id} came twice, though no relay was killed"
                for twice in subscriber.twice
                if not any(twice.opened_at <= at <= twice.at for at in self._relay_killed_at)
            ]


def _ends(subscriber: Subscriber) -> dict[str, str]:
    return {
        order_id: f"{len(seen)} events to {seen[-1]['status'] if seen else 'nothing'}"
        for order_id, seen in subscriber.seen.items()
    }
