"""A whole engine for the tests of a file, with the settings that the file names, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.engine import Engine, LocalEngine


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine, with the module's `SETTINGS`; it must end as it should."""
    with LocalEngine(request.module.SETTINGS) as local:
        yield local.start()
        assert local.stop() == 0, local.log


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    async with Client(engine) as client:
        yield client
