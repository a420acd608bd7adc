"""One order, and workers whose ports are in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from chalicelib.api.wire.events import event_object
from chalicelib.domain.lifecycle import TERMINAL, Actor, Status, sources
from chalicelib.domain.retry import RetryPolicy
from chalicelib.ports.store import NewOrder
from chalicelib.services.execution import Execution, ExecutionLimits, Outcome
from chalicelib.services.quoting import Quoting

from tests.fakes import (
    MemoryChain,
    MemoryEvents,
    MemoryMetrics,
    MemorySigner,
    MemoryStore,
    MemoryVenue,
    announcer,
)
from tests.samples import TERMS

ORDER = "11111111-1111-4111-8111-111111111111"
LEASE_S = 45


class World:
    """An order, and the ports of its workers in memory; `worker()` is one process."""

    def __init__(self, **chain: Any) -> None:
        self.store = MemoryStore(lease_ms=LEASE_S * 1000)
        self.events = MemoryEvents()
        self.raydium = MemoryVenue("raydium", 150_000_000)
        self.meteora = MemoryVenue("meteora", 151_000_000)
        self.chain = MemoryChain(**chain)
        self.signer = MemorySigner()
        self.metrics = MemoryMetrics()

    def worker(
        self, *, through: Callable[[Any], Any] = lambda port: port, confirm_timeout: float = 0.5
    ) -> Execution:
        venues = {venue.name: through(venue) for venue in (self.raydium, self.meteora)}
        return Execution(
            through(self.store),
            announcer(through(self.events), self.metrics),
            venues,
            Quoting(venues, timeout=0.05, max_price_impact_bps=1000),
            through(self.chain),
            through(self.signer),
            ExecutionLimits(confirm_timeout, RetryPolicy()),
            lambda: 0.5,
        )

    async def submit(self) -> World:
        await self.store.create(NewOrder(ORDER, TERMS))
        return self

    async def deliver(self, worker: Execution | None = None) -> Outcome:
        """One delivery of the order's message."""
        return await (worker or self.worker()).process(ORDER)

    async def deliver_until_it_ends(self, most: int = 12) -> list[Outcome]:
        """Delivery after delivery, as the queue and then the sweep would, until the order has ended."""
        outcomes: list[Outcome] = []
        while not self.store.rows[ORDER].order.is_terminal:
            assert len(outcomes) < most, "the order does not end"
            outcomes.append(await self.deliver())
            await self.store.pass_time(LEASE_S + 1)
        return outcomes

    @property
    def steps(self) -> list[tuple[str, int]]:
        """(status, attempt) of every event."""
        return [(event.status.value, event.attempt) for event in self.store.log[ORDER]]

    @property
    def shown(self) -> list[dict[str, object]]:
        return [event_object(event) for event in self.store.log[ORDER]]

    @property
    def status(self) -> Status:
        return self.store.rows[ORDER].order.status

    def check(self) -> None:
        """Check what must hold of every order at any time."""
        log = self.store.log[ORDER]
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        for before, after in itertools.pairwise(log):
            assert before.status in sources(after.status, Actor.CLAIM, Actor.WORKER)
        assert sum(event.status in TERMINAL for event in log) <= 1
        landed = self.chain.swaps[ORDER]
        assert len(landed) <= 1
        if self.status is Status.CONFIRMED:
            assert landed == [self.store.rows[ORDER].order.signature]
        if self.status is Status.FAILED:
            assert landed == []
