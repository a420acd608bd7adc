"""Drives a browser: each line in is a call of Playwright's `Page`, each line out its result or its error.

    python process.py CHROMIUM [FLAG …]

Run by `driver.py` with the environment that has Playwright. `new` opens a page in a context of its own; `axe`
gives the violations that axe-core finds in the page that is shown.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.async_api import Error, Page, async_playwright

TIMEOUT_MS = 20_000
AXE = "async () => (await axe.run()).violations.map((each) => [each.id, each.nodes.map((one) => one.html)])"


async def axe(page: Page) -> Any:
    """What axe-core objects to. A policy that allows no foreign script can't refuse one that is evaluated."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None and spec.origin is not None
    await page.evaluate(Path(spec.origin).with_name("axe.min.js").read_text())
    return await page.evaluate(AXE)


async def main(chromium: str, *flags: str) -> None:
    """Serve until standard input ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(flags))
        page: Page | None = None
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, args, more = json.loads(line)
            found: Any = None
            try:
                if name == "new":
                    page = await (await browser.new_context(**more)).new_page()
                    page.set_default_timeout(TIMEOUT_MS)
                elif name == "axe":
                    assert page is not None
                    found = await axe(page)
                else:
                    call: Any = page
                    for part in name.split("."):
                        call = getattr(call, part)
                    found = await call(*args, **more)
                answer: dict[str, Any] = {
                    "found": found if isinstance(found, str | int | bool | list | dict) else None
                }
            except Error as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
