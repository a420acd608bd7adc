"""One engine for the whole run, and a client for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.engine import SETTINGS, Engine, LocalEngine, deployed


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The deployed engine that the environment names, or one that is started here."""
    if found := deployed():
        yield found
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
