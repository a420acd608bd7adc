"""The supervisor takes its processes and its servers with it, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.client import Client, eventually
from tests.e2e.engine import LocalEngine, deployed
from tests.e2e.life import assert_complete
from tests.faults.world import PROCESSES


@pytest.fixture(scope="module")
def supervisor() -> Iterator[LocalEngine]:
    """`up --separate` with servers of its own, not yet started."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with LocalEngine({"ENGINE_SEPARATE": "1", "SIM_LATENCY": "0.01"}) as supervisor:
        yield supervisor


def pid_files(supervisor: LocalEngine) -> list[Path]:
    return [supervisor.state / f"{name}.pid" for name in PROCESSES]


async def family_at_work(supervisor: LocalEngine) -> set[processes.Process]:
    """Its processes, once an order has gone through all of them."""
    async with Client(supervisor.start()) as client:
        assert_complete(await client.execute("SOL", "USDC"))
    family = processes.tree(supervisor.pid)
    assert {int(path.read_text()) for path in pid_files(supervisor)} < {member.pid for member in family}
    return family


async def assert_gone(family: set[processes.Process]) -> None:
    async def left() -> set[processes.Process]:
        return {member for member in family if member.is_alive}

    await eventually(left, lambda alive: not alive)


async def test_nothing_is_left_running_when_it_is_killed(supervisor: LocalEngine) -> None:
    family = await family_at_work(supervisor)
    supervisor.kill()
    await assert_gone(family)


async def test_nothing_is_left_running_when_it_is_stopped(supervisor: LocalEngine) -> None:
    family = await family_at_work(supervisor)
    assert supervisor.stop() == 0
    await assert_gone(family)
    assert not any(path.exists() for path in pid_files(supervisor))
