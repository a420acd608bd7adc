"""One world for all fault tests, which leave it whole; what one test breaks must not show in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.engine import deployed
from tests.faults.world import ACCOUNTS, World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The engine in three processes, and its servers."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with World() as world:
        yield world
        assert "Traceback" not in world.log


@pytest.fixture(scope="session")
def world_of_two() -> Iterator[World]:
    """The same with two accounts, each with a key."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with World(*ACCOUNTS) as world:
        yield world
        assert "Traceback" not in world.log


@pytest.fixture(autouse=True)
def log_of_an_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail with the engine's log where it ended during a test: nothing that a test does may end it."""
    yield
    for name in ("world", "world_of_two", "quick_world"):
        if name in request.fixturenames and not request.getfixturevalue(name).is_running:
            pytest.fail(f"The engine has ended:\n{request.getfixturevalue(name).log}")


@pytest.fixture(scope="module")
def quick_world() -> Iterator[World]:
    """The same without the simulated latencies, for many orders."""
    if deployed():
        pytest.skip("a deployed engine is not ours to load")
    with World(SIM_LATENCY="0") as world:
        yield world
