"""A new version comes while orders are under way: nothing is lost, doubled or missed by who follows.

Lambda lets a call end on the old version; the emulator kills it, and with it relays and orders half done. So
this is a crash as well, after which the schedules are what goes on; they come every second here. What a
killed relay has sent and not written down is sent again.
"""

from __future__ import annotations

import asyncio

from local.triggers.events import schedule_event
from tests.e2e import evidence
from tests.e2e.client import Client
from tests.e2e.deployed import Deployment
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete

AT_ONCE = 4
EVERY_SECOND = {name: schedule_event(name) for name in ("keep-relays", "sweep")}


async def test_orders_that_are_under_way_while_the_stack_is_updated_end_and_their_sockets_see_all(
    deployment: Deployment, client: Client, engine: Engine
) -> None:
    updating = asyncio.create_task(asyncio.to_thread(deployment.deploy, SimSeed="updated"))
    lives: list[list[Wire]] = []

    async def trade() -> None:
        while not updating.done():
            lives.append(told_once(await client.execute("SOL", "USDC")))

    async def keep_schedules() -> None:
        while True:
            for function, event in EVERY_SECOND.items():
                await asyncio.to_thread(deployment.invoke, function, event)
            await asyncio.sleep(1)

    keeping = asyncio.create_task(keep_schedules())
    await asyncio.gather(updating, *(trade() for _ in range(AT_ONCE)))
    keeping.cancel()
    lives.append(told_once(await client.execute("SOL", "USDC")))
    for events in lives:
        assert_complete(events)
    ids = {events[0]["orderId"] for events in lives}
    landed = {order_id: swaps for order_id, _, swaps, _ in evidence.landed_swaps(engine) if order_id in ids}
    assert landed == {events[0]["orderId"]: int(events[-1]["status"] == "confirmed") for events in lives}
    function = deployment.client("lambda").get_function_configuration(
        FunctionName="order-engine-local-process"
    )
    assert function["Environment"]["Variables"]["SIM_SEED"] == "updated"


def told_once(events: list[Wire]) -> list[Wire]:
    """The events without those that came twice; both times they must say the same."""
    first: dict[int, Wire] = {}
    for event in events:
        assert first.setdefault(event["seq"], event) == event
    return list(first.values())
