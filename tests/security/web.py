"""What a browser's user has: an open engine and one with keys on this machine, and pages from anywhere.

Every page comes from this machine too, so that what a browser does itself against pages of the internet that
ask for one's own machine (Private or Local Network Access) refuses nothing here: the engine does it alone.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from tests.e2e.engine import Engine, LocalEngine
from tests.e2e.evidence import count_orders, status_of
from tests.security.browser import Browser, prepare, script
from tests.security.scripts import PRELUDE
from tests.security.sites import Site

EVIL, FRIEND = "evil.example", "friend.example"
RESTS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "type": "limit", "limitPrice": "1000000"}


@dataclass(frozen=True)
class Target:
    """An engine, and an order of it that pages are after."""

    kind: str
    engine: Engine
    order_id: str

    @property
    def port(self) -> int:
        """Its port, which is part of its origin."""
        return int(self.engine.http_url.rpartition(":")[2])


@dataclass(frozen=True)
class Page:
    """A page that is after an engine, under the name `host` or under the engine's own."""

    url: str
    target: Target
    host: str | None = None


class Web:
    """A context manager. `targets` are an open engine that lets pages of FRIEND in, and one with keys."""

    def __init__(self, keyed: Engine, order_id: str) -> None:
        self._keyed = Target("keys", keyed, order_id)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Web:
        await prepare()  # before the rest is started for nothing
        async with AsyncExitStack() as stack:
            self.site = await stack.enter_async_context(Site())
            settings = {
                "ENGINE_AUTH": "open",
                "SIM_LATENCY": "0.05",
                "ALLOWED_HOSTS": FRIEND,
                "ALLOWED_ORIGINS": f"http://{FRIEND}:{self.site.port}",
            }
            local = stack.enter_context(LocalEngine(settings))
            engine = local.start()
            self.open = Target("open", engine, await _place(engine))
            self.targets = (self.open, self._keyed)
            names = {f"{name}:{self.site.port}": self.site.port for name in (EVIL, FRIEND)}
            for target in self.targets:
                rebound = await stack.enter_async_context(Site(rebound_to=target.port))
                names |= {f"{name}:{target.port}": rebound.port for name in (EVIL, FRIEND)}
            self.browser = await stack.enter_async_context(Browser(names))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._stack.aclose()

    async def run(self, body: str, *pages: Page) -> list[list[str]]:
        """What the script `body` returns in each of the pages."""
        code = script(PRELUDE, body)
        return await self.browser.run(*((page.url, code, self._what_it_knows(page)) for page in pages))

    def _what_it_knows(self, page: Page) -> dict[str, str]:
        at = page.host or page.target.engine.http_url.removeprefix("http://")
        return {"at": at, "orderId": page.target.order_id, "site": f"http://{EVIL}:{self.site.port}"}

    def elsewhere(self, target: Target) -> list[Page]:
        """Pages of other origins: another port of the engine's own address and name, and another host."""
        return [self.page_of(host, target) for host in ("127.0.0.1", "localhost", EVIL)]

    def page_of(self, host: str, target: Target) -> Page:
        """A page of another origin."""
        return Page(f"http://{host}:{self.site.port}/page", target)

    def rebound(self, name: str, target: Target) -> Page:
        """A page that is of the engine's own origin for its browser."""
        host = f"{name}:{target.port}"
        return Page(f"http://{host}/page", target, host)

    def count(self) -> dict[str, int]:
        """Orders in the database of each engine."""
        return {target.kind: count_orders(target.engine) for target in self.targets}

    def statuses(self) -> set[str]:
        """Of the orders that the pages are after."""
        return {status_of(target.engine, target.order_id) for target in self.targets}


async def _place(engine: Engine) -> str:
    async with httpx.AsyncClient(base_url=engine.http_url, trust_env=False) as http:
        answer = await http.post("/api/orders/execute", json=RESTS)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["orderId"])
