"""Drives a browser: one JSON line of pages with a script each in, one line of what the scripts return out.

    python browser_process.py CHROMIUM [FLAG …]

Run by `browser.py` with the environment that has Playwright. The pages of a line are open at the same time.
"""

from __future__ import annotations

import asyncio
import json
import sys

from playwright.async_api import Browser, Error, Page, async_playwright

TIMEOUT_MS = 20_000


class Pages:
    """Every page that was asked for, which stays open."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: dict[str, Page] = {}

    async def evaluate(self, url: str, script: str, argument: object) -> dict[str, object]:
        """What `script` returns in the page at `url`."""
        try:
            if url not in self._pages:
                page = await self._browser.new_page()
                page.set_default_timeout(TIMEOUT_MS)
                await page.goto(url)
                self._pages[url] = page
            return {"found": await self._pages[url].evaluate(script, argument)}
        except Error as error:
            return {"error": str(error)}


async def main(chromium: str, *flags: str) -> None:
    """Serve until standard input ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(flags))
        print(json.dumps({"version": browser.version}), flush=True)
        pages = Pages(browser)
        while line := await asyncio.to_thread(sys.stdin.readline):
            found = await asyncio.gather(*(pages.evaluate(*each) for each in json.loads(line)))
            print(json.dumps(found), flush=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
