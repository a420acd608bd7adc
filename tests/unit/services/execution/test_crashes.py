"""Workers that crash, at every call in turn: no order is swapped twice or stuck."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from chalicelib.domain.errors import AttemptFailed, SlippageExceeded, TransactionFailed
from chalicelib.domain.lifecycle import Status

from tests.fakes import Crash, Fuse, MemoryVenue
from tests.unit.services.execution.world import LEASE_S, ORDER, World

CHAINS: list[list[str | AttemptFailed]] = [
    [],
    ["drop"],
    ["lose reply"],
    ["hang"] * 3,
    [SlippageExceeded(), "lose reply"],
    [TransactionFailed("It went wrong."), "drop"],
]


@pytest.mark.parametrize("outcomes_on_chain", CHAINS, ids=str)
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
async def test_a_crash_at_any_step_never_swaps_twice_and_the_order_always_ends(
    outcomes_on_chain: list[str | AttemptFailed], after: bool
) -> None:
    for step in itertools.count(1):
        world = await World(lives=40).submit()
        world.chain.script.extend(outcomes_on_chain)
        fuse = Fuse(step, after=after)
        try:
            await world.deliver(world.worker(through=fuse.through))
        except Crash:
            world.check()
        await world.store.pass_time(LEASE_S + 1)
        world.chain.settle()
        await world.deliver_until_it_ends()
        world.check()
        assert world.status is Status.CONFIRMED
        if not fuse.burnt:
            break
    assert step > 10  # every call of an attempt was reached


def _crashing_venue(fuse: Fuse, port: Any) -> Any:
    return fuse.through(port) if isinstance(port, MemoryVenue) else port


async def test_an_order_whose_every_worker_crashes_fails_after_three_attempts() -> None:
    world = await World().submit()
    deliveries = 0
    while not world.store.rows[ORDER].order.is_terminal:
        deliveries += 1
        assert deliveries < 20
        worker = world.worker(through=partial(_crashing_venue, Fuse(1)))
        try:
            await world.deliver(worker)
        except Crash:
            await world.store.pass_time(LEASE_S + 1)
    assert (world.shown[-1]["code"], world.shown[-1]["attempts"]) == ("WORKER_LOST", 3)
    world.check()
