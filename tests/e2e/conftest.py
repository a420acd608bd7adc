"""One engine for the whole run, and a client for each test.

    pytest tests/e2e                      against `python -m local up`
    pytest tests/e2e --engine solana      against the same with WORLD=solana, on a Solana node of its own
    pytest tests/e2e --engine deployed    against a stack that is deployed into the emulator
    pytest tests/e2e --engine all         each test against each of them

An engine that the environment names (see engine.py) takes the place of all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.deployed import Deployment
from tests.e2e.engine import SETTINGS, SOLANA, Engine, LocalEngine, deployed

HERE = Path(__file__).parent
KINDS = {
    "local": ["local"],
    "solana": ["solana"],
    "deployed": ["deployed"],
    "all": ["local", "solana", "deployed"],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test each engine that was asked for and that it can be seen on, perhaps none."""
    fixtures = set(metafunc.fixturenames)
    if "engine" not in fixtures:
        return
    kinds = ["given"] if deployed() else KINDS[metafunc.config.getoption("--engine")]
    if "gateway" in fixtures:  # API Gateway refuses in its own words
        kinds = [kind for kind in kinds if kind != "deployed"]
    if "deployment" in fixtures:
        kinds = [kind for kind in kinds if kind == "deployed"]
    metafunc.parametrize("engine", kinds, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that were given no engine, and others where only the deployed one is asked for."""
    only_deployed = config.getoption("--engine") == "deployed"
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        engine = params.get("engine", "" if only_deployed and HERE in item.path.parents else "any")
        (chosen if engine in ("any", "given", "local", "solana", "deployed") else others).append(item)
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
    """The engine of the kind that is asked for."""
    if found := deployed():
        yield found
    elif request.param == "deployed":
        yield request.getfixturevalue("deployment").engine
    else:
        with LocalEngine(SETTINGS | (SOLANA if request.param == "solana" else {})) as local:
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
        pytest.skip("what stands in front refuses in its own words")
    return engine
