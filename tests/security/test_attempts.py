"""No attempt gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.security.attempts import ATTEMPTS
from tests.security.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTEMPTS)
async def test_an_attempt_is_refused(world: World, name: str) -> None:
    assert await ATTEMPTS[name](world)


@pytest.mark.asyncio(loop_scope="module")
async def test_who_belongs_is_let_in(world: World) -> None:
    placed = await world.submit(world.bob, tokenIn="SOL", tokenOut="USDC", amount="1")
    assert await world.say(placed["websocket"]) == [{"action": "pong"}]
