"""What is logged and counted of a transition that is stored."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from chalicelib.domain.errors import InsufficientLiquidity, TemporarilyUnavailable
from chalicelib.ports.metrics import ORDERS, STEP, TIME_TO_CONFIRM
from chalicelib.services import announcing

from tests.unit.services.execution.world import ORDER, World


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chalicelib")


def transitions(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if record.name == announcing.__name__]


async def test_each_transition_is_one_line_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    world = await World().submit()
    await world.deliver()
    assert [line.partition(" step_ms=")[0] for line in transitions(caplog)] == [
        f"transition order={ORDER} seq=2 status=routing attempt=1",
        f"transition order={ORDER} seq=3 status=building attempt=1 venue=meteora",
        f"transition order={ORDER} seq=4 status=submitted attempt=1 venue=meteora",
        f"transition order={ORDER} seq=5 status=confirmed attempt=1 venue=meteora",
    ]
    confirmed = [labels for metric, _, labels in world.metrics.recorded if metric is ORDERS][-1]
    assert confirmed == ("confirmed", "SOL/USDC", "meteora", "")
    steps = [labels for metric, _, labels in world.metrics.recorded if metric is STEP]
    assert steps == [("routing",), ("building",), ("submitted",)]
    assert len(world.metrics.values(TIME_TO_CONFIRM)) == 1


async def test_a_failed_order_says_its_code(caplog: pytest.LogCaptureFixture) -> None:
    world = await World().submit()
    world.raydium.always = world.meteora.always = InsufficientLiquidity()
    await world.deliver()
    assert " status=failed attempt=1 code=INSUFFICIENT_LIQUIDITY" in transitions(caplog)[-1]
    assert world.metrics.values(ORDERS, "failed") == [1]


async def test_what_is_not_stored_is_neither_logged_nor_counted(caplog: pytest.LogCaptureFixture) -> None:
    world = await World().submit()
    world.store.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.deliver()
    assert (transitions(caplog), world.metrics.recorded) == ([], [])


async def test_a_delivery_with_nothing_to_do_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = await World().submit()
    await world.deliver()
    caplog.clear()
    await world.deliver()
    assert caplog.records == []
