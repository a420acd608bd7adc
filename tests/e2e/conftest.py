"""One engine for the whole run, and a client for each test.

pytest tests/e2e                  against `python -m local up`
pytest tests/e2e --deployed       against a stack that is deployed into the emulator
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.deployed import Deployment
from tests.e2e.engine import SETTINGS, Engine, LocalEngine, deployed

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Against a deployed stack leave out what does not look at it, and without one what needs it."""
    is_deployed = config.getoption("--deployed")
    chosen, others = [], []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        fits = (
            bool(fixtures & {"engine", "deployment"}) and "gateway" not in fixtures
            if is_deployed
            else "deployment" not in fixtures
        )
        (chosen if fits or HERE not in item.path.parents else others).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=others)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A cloud of its own, with the engine deployed into it."""
    with Deployment() as deployment:
        deployment.deploy()
        yield deployment


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The deployed engine that the environment names, or one that is started here."""
    if found := deployed():
        yield found
        return
    if request.config.getoption("--deployed"):
        yield request.getfixturevalue("deployment").engine
        return
    with LocalEngine(SETTINGS) as local:
        yield local.start()
        assert local.stop() == 0, local.log
        assert "Traceback" not in local.log
        assert " ERROR " not in local.log, local.log


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    """A client of the engine."""
    async with Client(engine) as client:
        yield client


@pytest.fixture
def gateway(engine: Engine) -> Engine:
    """The engine behind our own gateway: AWS's says the same things in other words."""
    if not engine.is_local:
        pytest.skip("API Gateway refuses in its own words")
    return engine
