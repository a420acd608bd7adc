"""The page in a real browser, with an engine of its own. Skipped where there is no Chromium, and in CI."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.browser.driver import Browser
from tests.e2e.engine import LocalEngine
from tests.security.browser import NoBrowser, find_chromium

SETTINGS = {
    "SIM_FAULTS": "quote-timeout token=COPE times=2; quote-timeout token=RAY times=3",
    "SIM_LATENCY": "0.1",
    "RETRY_BASE_MS": "10",
}
RESTS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "type": "limit", "limitPrice": "100000"}
VIEWS = ("#/place", "#/watch", "#/orders", "#/market", "#/engine")


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEngine]:
    try:
        find_chromium()
    except NoBrowser as reason:
        pytest.skip(str(reason))
    with LocalEngine(SETTINGS) as local:
        local.start()
        yield local


@pytest.fixture
async def browser(local: LocalEngine) -> AsyncIterator[Browser]:
    async with Browser() as browser:
        await browser("new", viewport={"width": 1280, "height": 800})
        yield browser


def place(local: LocalEngine, **terms: str) -> str:
    answer = httpx.post(f"{local.url}/api/orders/execute", json=terms, trust_env=False)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["orderId"])


async def test_an_order_is_placed_by_keyboard_alone_and_watched_to_its_end(
    local: LocalEngine, browser: Browser
) -> None:
    await browser("goto", f"{local.url}/")
    await browser("wait_for_selector", ".quotes.live tr.chosen")
    await browser("focus", "#field-amount")
    await browser("keyboard.press", "Control+A")
    await browser("keyboard.type", "2.5")
    await browser("keyboard.press", "Enter")
    await browser("wait_for_selector", ".entry.confirmed")
    await browser("wait_for_selector", "text=2.5 SOL → USDC")
    await browser("wait_for_selector", "section.fill")


async def test_who_comes_late_sees_every_step_and_the_retries(local: LocalEngine, browser: Browser) -> None:
    order_id = place(local, tokenIn="COPE", tokenOut="USDC", amount="20")
    await browser("goto", f"{local.url}/#/orders/{order_id}")
    await browser("wait_for_selector", ".entry.confirmed")
    assert "Goes back for attempt 2" in await browser("inner_text", ".history")
    await browser("reload")
    await browser("wait_for_selector", ".entry.confirmed")
    assert "Goes back for attempt 3" in await browser("inner_text", ".history")


async def test_an_order_that_rests_is_cancelled(local: LocalEngine, browser: Browser) -> None:
    await browser("goto", f"{local.url}/#/orders/{place(local, **RESTS)}")
    await browser("click", "text=Cancel order")
    await browser("wait_for_selector", ".entry.cancelled")
    assert await browser("is_hidden", "text=Cancel order")


async def test_a_limit_order_whose_price_is_there_fires(local: LocalEngine, browser: Browser) -> None:
    await browser("goto", f"{local.url}/#/orders/{place(local, **{**RESTS, 'limitPrice': '1'})}")
    await browser("wait_for_selector", ".entry.confirmed")
    assert "Fired" in await browser("inner_text", ".history")


async def test_an_error_stands_beside_its_field(local: LocalEngine, browser: Browser) -> None:
    await browser("goto", f"{local.url}/#/place")
    await browser("fill", "#field-amount", "0.00000000001")
    await browser("click", ".order-form button.primary")
    await browser("wait_for_selector", "#error-amount:not([hidden])")


async def test_an_engine_that_was_killed_is_missed_and_found_again(
    local: LocalEngine, browser: Browser
) -> None:
    order_id = place(local, **RESTS)
    await browser("goto", f"{local.url}/#/orders/{order_id}")
    await browser("wait_for_selector", ".connection.live")
    local.kill()
    await browser("wait_for_selector", "#banner:not([hidden])")
    local.start()
    await browser("wait_for_selector", "#banner[hidden]", state="attached")
    await browser("wait_for_selector", ".connection.live")
    await browser("click", "text=Cancel order")
    await browser("wait_for_selector", ".entry.cancelled")
    assert await browser("evaluate", "document.querySelectorAll('.entry').length") == 2


async def test_the_market_shows_each_venues_price_of_the_pair_that_is_chosen(
    local: LocalEngine, browser: Browser
) -> None:
    await browser("goto", f"{local.url}/#/market")
    await browser("wait_for_selector", ".uplot canvas")
    await browser("wait_for_selector", "tr.chosen")
    dear = await browser("inner_text", "table")
    assert all(venue in dear for venue in ("Raydium", "Meteora", "Orca"))
    await browser("select_option", "#market-in", "BONK")
    await browser("wait_for_selector", "text=0.0000")
    assert await browser("inner_text", "table") != dear


async def test_a_dead_letter_is_redriven_where_the_engine_is_shown(
    local: LocalEngine, browser: Browser
) -> None:
    order_id = place(local, tokenIn="RAY", tokenOut="USDC", amount="1")
    await browser("goto", f"{local.url}/#/orders/{order_id}")
    await browser("wait_for_selector", ".history >> text=Failed")
    await browser("goto", f"{local.url}/#/engine")
    await browser("wait_for_selector", "text=All is well")
    await browser("focus", f'[data-key="{order_id}"]')
    await browser("keyboard.press", "Enter")
    await browser("wait_for_selector", f'[data-key="{order_id}"]', state="detached")
    await browser("goto", f"{local.url}/#/orders/{order_id}")
    await browser("wait_for_selector", ".entry.confirmed")


async def test_orders_are_filtered_and_cancelled_in_the_list(local: LocalEngine, browser: Browser) -> None:
    kept, cancelled = place(local, **RESTS), place(local, **RESTS)
    await browser("goto", f"{local.url}/#/orders")
    await browser("click", f'[data-key="{cancelled}"]')
    await browser("wait_for_selector", f'[data-key="{cancelled}"]', state="detached")
    await browser("select_option", "#filter-status", "cancelled")
    await browser("wait_for_selector", f'a[href="#/orders/{cancelled}"]')
    await browser(
        "wait_for_selector",
        f'section[aria-labelledby="all-title"] a[href="#/orders/{kept}"]',
        state="detached",
    )


async def test_every_view_is_reached_by_keyboard_alone(local: LocalEngine, browser: Browser) -> None:
    await browser("goto", f"{local.url}/")
    await browser("keyboard.press", "Tab")
    assert await browser("evaluate", "document.activeElement.className") == "skip"
    for view in ("brand", *VIEWS):
        await browser("keyboard.press", "Tab")
        if view == "brand":
            continue
        assert await browser("evaluate", "document.activeElement.getAttribute('href')") == view
    await browser("keyboard.press", "Enter")
    await browser("wait_for_selector", "h1:text('Engine')")
    assert await browser("evaluate", "document.activeElement.tagName") == "H1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_view_fits_a_phone_and_axe_objects_to_nothing(
    local: LocalEngine, browser: Browser, scheme: str
) -> None:
    order_id = place(local, tokenIn="SOL", tokenOut="USDC", amount="900")
    await browser("new", viewport={"width": 360, "height": 740}, color_scheme=scheme, reduced_motion="reduce")
    for view in (*VIEWS, f"#/orders/{order_id}"):
        await browser("goto", f"{local.url}/{view}")
        await browser("wait_for_selector", "main .panel:not([hidden])")
        width = await browser("evaluate", "document.documentElement.scrollWidth")
        assert width <= 360, view
        found = await browser("axe")
        assert not found, (view, json.dumps(found))
