"""The page where the engine takes API keys: it asks for one, and keeps it in its tab alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.browser.driver import Browser
from tests.security.browser import NoBrowser, find_chromium
from tests.security.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    try:
        find_chromium()
    except NoBrowser as reason:
        pytest.skip(str(reason))
    async with World() as world:
        yield world


async def type_key(browser: Browser, key: str) -> None:
    await browser("wait_for_selector", "#key-dialog[open]")
    await browser("fill", "#key", key)
    await browser("keyboard.press", "Enter")


async def test_a_key_is_asked_for_and_kept_until_it_is_forgotten(world: World) -> None:
    order = f"{world.local.url}/#/orders/{world.order_id}"
    async with Browser() as browser:
        await browser("new", viewport={"width": 1280, "height": 800})
        await browser("goto", order)
        await type_key(browser, "oek_wrong_key")
        await browser("wait_for_selector", "#key-error:not([hidden])")
        await type_key(browser, world.alice.text)
        await browser("wait_for_selector", ".entry.open")
        await browser("wait_for_selector", ".connection.live")  # of a WebSocket, which takes a ticket
        assert world.alice.text not in await browser("content")
        assert await browser("evaluate", "localStorage.length + document.cookie.length") == 0
        await browser("reload")
        await browser("wait_for_selector", ".entry.open")

        await browser("click", "#forget-key")
        await type_key(browser, world.bob.text)
        await browser("wait_for_selector", "text=There is no such order")
        assert await browser("query_selector_all", ".entry") == []
