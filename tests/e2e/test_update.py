"""A new version is deployed while orders are in flight: no order is lost or doubled, no event is missed.

Lambda lets a call end on the old version; the emulator kills it, and with it relays and orders half done. So
this is a crash as well: a submit may get no answer, and is sent again under its key; what goes on is what the
schedules see to, which come every second here; and what a killed relay has sent and not written down is sent
again.
"""

from __future__ import annotations

import asyncio
import uuid

import pytest

from local.triggers.schedule import schedule_event
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.deployed import Deployment
from tests.e2e.engine import Engine
from tests.e2e.life import Wire, assert_complete

TRADERS = 4
EVERY_S = 0.5  # a trader submits
ANSWERS_WITHIN_S = 180.0  # the emulator answers nothing while it replaces the functions
EVERY_SECOND = {name: schedule_event(name) for name in ("keep-relays", "sweep")}


@pytest.mark.timeout(600)
async def test_orders_submitted_while_the_stack_is_updated_end_and_every_event_is_received(
    deployment: Deployment, client: Client, engine: Engine
) -> None:
    updating = asyncio.create_task(asyncio.to_thread(deployment.deploy, SimSeed="updated"))
    orders: list[Wire] = []

    async def trade() -> None:
        while not updating.done():
            orders.append(await submit_for_sure(client))
            await asyncio.sleep(EVERY_S)

    async def keep_schedules() -> None:
        while True:
            for function, event in EVERY_SECOND.items():
                await asyncio.to_thread(deployment.invoke, function, event)
            await asyncio.sleep(1)

    keeping = asyncio.create_task(keep_schedules())
    await asyncio.gather(updating, *(trade() for _ in range(TRADERS)))
    orders.append(await submit_for_sure(client))
    lives = [without_repeats(events) for events in await asyncio.gather(*map(client.follow, orders))]
    keeping.cancel()
    for events in lives:
        assert_complete(events)
    ids = {order["orderId"] for order in orders}
    assert len(ids) == len(orders)
    landed = {order_id: swaps for order_id, _, swaps, _ in evidence.landed_swaps(engine) if order_id in ids}
    assert landed == {events[0]["orderId"]: int(events[-1]["status"] == "confirmed") for events in lives}
    function = deployment.client("lambda").get_function_configuration(
        FunctionName="order-engine-local-process"
    )
    assert function["Environment"]["Variables"]["SIM_SEED"] == "updated"


async def submit_for_sure(client: Client) -> Wire:
    """The answer to an order that is submitted under its key until there is one."""
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "clientOrderId": str(uuid.uuid4())}

    async def submit() -> Wire | None:
        response = await client.ask("POST", "/api/orders/execute", order)
        if response.status >= 500:
            return None
        assert response.status in (200, 202), response.body
        found: Wire = response.json()
        return found

    answer = await eventually(submit, within_s=ANSWERS_WITHIN_S)
    assert answer
    return answer


def without_repeats(events: list[Wire]) -> list[Wire]:
    """The events without repeats, which must be equal to the first."""
    first: dict[int, Wire] = {}
    for event in events:
        assert first.setdefault(event["seq"], event) == event
    return list(first.values())
