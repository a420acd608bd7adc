"""One round: the load of a plan and its faults, until every order has ended and every client has seen it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from tests.e2e.engine import Engine
from tests.e2e.solana import swaps
from tests.faults.plan import Fault, Plan, Submit
from tests.faults.submitter import Submitter
from tests.faults.subscriber import Subscriber
from tests.faults.verdict import Verdict, judge, unfinished
from tests.faults.world import SERVERS, World

ENDS_WITHIN_S = 60.0  # after the last fault
LOOK_EVERY_S = 0.25
SOME = 3  # orders of another account that a shared socket tries to subscribe to
WITH_KEY_FROM = "8"  # half of the clients with one order, by its id; the others have a ticket for each socket


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


@dataclass(frozen=True)
class _Client:
    """An account, the engine as it sees it, and its way to submit."""

    account: str
    engine: Engine
    submitter: Submitter


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
        self._owners: dict[str, str] = {}  # order → account
        self._cancelled: dict[str, bool] = {}  # order → what its client was answered
        self._subscribers: list[Subscriber] = []
        self._turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._relay_killed_at: list[float] = []
        self._wrong: list[str] = []

    async def run(self) -> Outcome:
        """Carry it out, and judge."""
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            clients = [
                _Client(account, engine, await stack.enter_async_context(Submitter(engine)))
                for account, engine in self._world.engines.items()
            ]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._inflict(began))
                tasks.create_task(self._load(clients, began))
            await self._recover()
            await self._compare_lists(clients)
        engine = self._world.engine
        landed = None
        if engine.solana_url:
            landed = await asyncio.to_thread(swaps, engine.solana_url, engine.wallet)
        verdict = await asyncio.to_thread(
            judge, engine.database_url, self._taken, self._cancelled, self._owners, landed
        )
        verdict.lost += len(self._plan.submits) - len(self._taken)
        self._judge_subscribers(verdict)
        answers = [client.submitter.answers for client in clients]
        verdict.wrong += self._wrong + [wrong for each in answers for wrong in each.wrong]
        statuses = sum((Counter(each.statuses) for each in answers), Counter[int]())
        submits = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        twice = sum(len(subscriber.twice) for subscriber in self._subscribers)
        seconds = time.monotonic() - began
        submits += f", broken: {sum(each.broken for each in answers)}"
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

    async def _load(self, clients: Sequence[_Client], began: float) -> None:
        """Every client of the plan, until it has seen what it waits for, or it is too late for that.

        The accounts have the orders of the plan in turn.
        """
        shared = defaultdict[tuple[_Client, int], list[asyncio.Task[str]]](list)
        last = max((fault.at_s + fault.away_s for fault in self._plan.faults), default=0.0)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + last + ENDS_WITHIN_S):
                async with asyncio.TaskGroup() as tasks:
                    for number, submit in enumerate(self._plan.submits):
                        client = clients[number % len(clients)]
                        taking = tasks.create_task(self._take(client, submit, began))
                        if submit.cancel_after_s is not None:
                            tasks.create_task(self._cancel(client, taking, submit.cancel_after_s))
                        if submit.shared is None:
                            tasks.create_task(self._subscribe(client, taking))
                        else:
                            shared[client, submit.shared].append(taking)
                            for other in clients:
                                if other is not client:
                                    tasks.create_task(self._pry(other, taking))
                    for (client, _), takings in shared.items():
                        others = [
                            taking
                            for (of, _), all_of in shared.items()
                            if of is not client
                            for taking in all_of
                        ]
                        tasks.create_task(self._subscribe(client, *takings, others=others[:SOME]))
        except TimeoutError:
            self._wrong.append("time ran out")

    async def _take(self, client: _Client, submit: Submit, began: float) -> str:
        await asyncio.sleep(began + submit.at_s - time.monotonic())
        terms = submit.rest.terms() if submit.rest else {}
        answer = await client.submitter.submit(submit.key, submit.token, submit.amount, **terms)
        order_id = str(answer["orderId"])
        if self._taken.setdefault(submit.key, order_id) != order_id:
            self._wrong.append(f"{submit.key} was answered with two orders")
        self._owners[order_id] = client.account
        self._progress.taken += 1
        self._on_progress(self._progress)
        return order_id

    async def _cancel(self, client: _Client, taking: asyncio.Future[str], after_s: float) -> None:
        order_id = await taking
        await asyncio.sleep(after_s)
        self._cancelled[order_id] = await client.submitter.cancel(order_id)

    async def _pry(self, client: _Client, taking: asyncio.Future[str]) -> None:
        """Try to get at an order of another account."""
        order_id = await taking
        if not await client.submitter.is_refused(order_id):
            self._wrong.append(f"{client.account} got at {order_id} of another account")

    async def _subscribe(
        self,
        client: _Client,
        *takings: asyncio.Future[str],
        others: Sequence[asyncio.Future[str]] = (),
    ) -> None:
        order_ids, theirs = await asyncio.gather(*takings), await asyncio.gather(*others)
        with_ticket = client.engine.api_key and len(takings) == 1 and order_ids[0] < WITH_KEY_FROM
        ticket = client.submitter.ticket if with_ticket else None
        subscriber = Subscriber(client.engine, *order_ids, ticket=ticket, others=[] if ticket else theirs)
        self._subscribers.append(subscriber)
        await subscriber.run()
        self._progress.seen += len(order_ids)
        self._on_progress(self._progress)

    async def _compare_lists(self, clients: Sequence[_Client]) -> None:
        """An account's list has all of its orders, and none of another's."""
        for client in clients:
            listed = await client.submitter.orders()
            for order_id, account in self._owners.items():
                if (order_id in listed) != (account == client.account):
                    self._wrong.append(f"{client.account} is listed wrongly: {order_id} is {account}'s")

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
