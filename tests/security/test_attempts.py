"""No attempt gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.security import page_attempts, scripts
from tests.security.attempts import ATTEMPTS, LetIn
from tests.security.browser import NoBrowser
from tests.security.web import EVIL, FRIEND, Web
from tests.security.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTEMPTS)
async def test_an_attempt_is_refused(world: World, name: str) -> None:
    try:
        assert await ATTEMPTS[name](world)
    except NoBrowser as reason:
        pytest.skip(str(reason))


@pytest.mark.asyncio(loop_scope="module")
async def test_who_belongs_is_let_in(world: World) -> None:
    placed = await world.submit(world.bob, tokenIn="SOL", tokenOut="USDC", amount="1")
    assert await world.say(placed["websocket"]) == [{"action": "pong"}]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_of_an_origin_that_is_allowed_is_let_in(world: World) -> None:
    """The same scripts: what is refused elsewhere is neither the script's fault nor the browser's doing."""
    web = await web_of(world)
    for body in (scripts.READ, scripts.SUBMIT_AS_JSON, scripts.OPEN_SOCKETS):
        [got] = await web.run(body, web.page_of(FRIEND, web.open))
        assert any(text.startswith(("200 {", "202 {", "101 {")) for text in got), got
        with pytest.raises(LetIn):
            page_attempts.read_nothing(got)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_without_an_origin_has_none(world: World) -> None:
    web = await web_of(world)
    [got] = await web.run(scripts.WITHOUT_ORIGIN, web.page_of(EVIL, web.open))
    assert len(got) == 10, (
        got
    )  # of a sandboxed frame and of a data: URL; one that is not of origin `null` throws


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_is_let_in_whose_name_is_the_engines(world: World) -> None:
    """What a rebound page would get if the engine went by any name."""
    web = await web_of(world)
    before = web.count()
    [got] = await web.run(scripts.AS_ONES_OWN, web.rebound(FRIEND, web.open))
    assert [text[:3] for text in got] == [
        "200",
        "200",
        "200",
        "200",
        "200",
        "202",
        "200",
        "201",
        "101",
        "200",
    ]
    assert web.count()["open"] == before["open"] + 2


async def web_of(world: World) -> Web:
    try:
        return await world.web()
    except NoBrowser as reason:
        pytest.skip(str(reason))
