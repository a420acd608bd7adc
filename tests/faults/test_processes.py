"""Each of the engine's processes killed by itself, with orders in flight."""

from __future__ import annotations

import pytest

from tests.faults.plan import Fault, Plan, with_faults, with_resting
from tests.faults.round import Outcome, Round
from tests.faults.world import World

WORKER_ONCE = (Fault(0.7, "worker", 0),)
WORKER_TWICE = (*WORKER_ONCE, Fault(2.2, "worker", 0))


async def run(world: World, plan: Plan) -> Outcome:
    outcome = await Round(world, plan).run()
    assert outcome.verdict.is_good, outcome.verdict
    return outcome


@pytest.mark.parametrize("faults", [WORKER_ONCE, WORKER_TWICE], ids=["once", "twice"])
async def test_fifty_orders_end_with_one_swap_each_though_the_worker_is_killed(
    world_of_two: World, faults: tuple[Fault, ...]
) -> None:
    outcome = await run(world_of_two, with_faults(100 + len(faults), 50, *faults))
    assert outcome.twice == 0


async def test_resting_orders_end_once_and_none_below_its_price_though_their_triggers_are_killed(
    world_of_two: World,
) -> None:
    """The triggers are in the worker's process; every order fires, expires or is cancelled."""
    outcome = await run(
        world_of_two, with_resting(107, 60, *(Fault(at, "worker", 0) for at in (0.5, 1.1, 1.7, 3.0)))
    )
    assert outcome.verdict.confirmed and outcome.verdict.cancelled and outcome.verdict.expired


async def test_clients_see_everything_though_the_gateway_is_killed(world_of_two: World) -> None:
    outcome = await run(world_of_two, with_faults(103, 50, Fault(0.7, "gateway", 0)))
    assert outcome.twice == 0


async def test_clients_see_everything_though_the_relay_is_killed(world_of_two: World) -> None:
    await run(world_of_two, with_faults(104, 50, Fault(0.7, "relay", 0)))


async def test_two_relays_at_once_deliver_every_event_once(world_of_two: World) -> None:
    with world_of_two.another_relay():
        outcome = await run(world_of_two, with_faults(105, 50))
    assert outcome.twice == 0


async def test_a_second_relay_takes_over_when_the_first_is_killed(world_of_two: World) -> None:
    with world_of_two.another_relay():
        await run(world_of_two, with_faults(106, 50, Fault(0.7, "relay", 0)))
