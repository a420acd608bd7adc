"""The documentation of the API in a real browser, at an engine that takes API keys."""

from __future__ import annotations

import json
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


async def test_operations_are_found_tried_and_their_errors_explained(world: World) -> None:
    docs = f"{world.local.url}/docs"
    async with Browser() as browser:
        await browser("new", viewport={"width": 1280, "height": 800})
        await browser("goto", docs)
        await browser("click", '.contents a[href="#executeOrder"]')
        await browser("click", "#executeOrder summary")
        await browser("focus", "#executeOrder-body")
        await browser("keyboard.press", "Tab")
        await browser("keyboard.press", "Enter")  # the button
        await browser("wait_for_selector", "#key-dialog[open]")
        await browser("fill", "#key", world.alice.text)
        await browser("keyboard.press", "Enter")
        await browser("wait_for_selector", "#executeOrder >> text=202 Accepted")

        await browser("fill", "#executeOrder-body", '{"tokenIn": "SOL", "tokenOut": "SOL", "amount": 1}')
        await browser("click", "#executeOrder form button")
        await browser("wait_for_selector", "#executeOrder >> text=409 Conflict")
        said = json.loads(await browser("inner_text", '#executeOrder [aria-label="Body of the answer"]'))
        await browser("goto", f"{world.local.url}/{said['docs']}")
        await browser("wait_for_selector", "#SAME_TOKEN:target")
        assert "sold and bought are the same" in (await browser("inner_text", "#SAME_TOKEN")).lower()

        await browser("click", "#socket-try-socket >> text=Connect")  # with a ticket
        await browser("wait_for_selector", "#socket-try-socket >> text=connected to")
        await browser("click", "#socket-try-socket >> text=Send")
        await browser("wait_for_selector", "#socket-try-socket [role=log] >> text=confirmed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_and_axe_objects_to_nothing(world: World, scheme: str) -> None:
    async with Browser() as browser:
        await browser("new", viewport={"width": 360, "height": 740}, color_scheme=scheme)
        await browser("goto", f"{world.local.url}/docs")
        await browser("wait_for_selector", "#executeOrder")
        await browser(
            "evaluate", "document.querySelectorAll('details').forEach((each) => { each.open = true })"
        )
        assert await browser("evaluate", "document.documentElement.scrollWidth") <= 360
        found = await browser("axe")
        assert not found, json.dumps(found)
