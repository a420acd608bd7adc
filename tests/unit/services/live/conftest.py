"""A world for each test, whose relays end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.services.live.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()
