"""One world for all fault tests, which leave it whole; what one test breaks must not show in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.engine import deployed
from tests.faults.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The engine in three processes, and its servers."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with World() as world:
        yield world
        assert "Traceback" not in world.log


@pytest.fixture(scope="module")
def quick_world() -> Iterator[World]:
    """The same without the simulated latencies, for many orders."""
    if deployed():
        pytest.skip("a deployed engine is not ours to load")
    with World(SIM_LATENCY="0") as world:
        yield world
