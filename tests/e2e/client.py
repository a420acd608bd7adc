"""The client library, and sockets that hand back exactly the messages that came, in their order.

The library's `follow` would hide an event that is left out or comes twice: it asks again, and drops it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection

from local.client import AsyncEngineClient
from local.client.http import Answer, Http
from tests.e2e.documented import check_message
from tests.e2e.engine import Engine
from tests.e2e.life import TERMINAL, Wire

PATIENCE_S = 60.0

Found = TypeVar("Found")


class Client:
    """An async context manager."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.library = AsyncEngineClient(engine.http_url, timeout_s=PATIENCE_S, api_key=engine.api_key)
        self._http = Http(engine.http_url, headers=engine.headers, timeout_s=PATIENCE_S, uses_proxy=False)
        self._calls = asyncio.Semaphore(engine.calls_at_once)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.library.aclose()
        await self._http.close()

    async def submit(self, token_in: str, token_out: str, amount: object = None, **more: Any) -> Wire:
        """The 202's body. An order that names no amount gets one that no other has."""
        order = {"tokenIn": token_in, "tokenOut": token_out, "amount": amount or fresh_amount(), **more}
        async with self._calls:
            return {**await self.library.submit(order, key=more.get("clientOrderId"))}

    async def ask(self, method: str, path: str, json_body: object = None, **parameters: object) -> Answer:
        """One request and its answer, whatever its status."""
        params = {name: str(value) for name, value in parameters.items()}
        async with self._calls:
            return await self._http.request(method, path, params=params, json_body=json_body)

    async def get(self, path: str, **parameters: object) -> Wire:
        """The 200's body."""
        answer = await self.ask("GET", path, **parameters)
        assert answer.status == 200, answer.body
        return answer.json()

    async def order(self, order_id: str) -> Wire:
        """The order as the engine shows it."""
        return await self.get(f"/api/orders/{order_id}")

    async def follow(self, order: Wire) -> list[Wire]:
        """The order's whole life, over a socket of its own at the address that the submit answered."""
        async with self.socket(order["websocket"]) as socket:
            return await socket.life(order["orderId"])

    async def execute(
        self, token_in: str, token_out: str, amount: object = None, **more: object
    ) -> list[Wire]:
        """Submit, and receive all events."""
        return await self.follow(await self.submit(token_in, token_out, amount, **more))

    @asynccontextmanager
    async def socket(self, address: str = "", **parameters: object) -> AsyncIterator[Socket]:
        """A socket at `address`, or at the API's own with `parameters`."""
        async with self._calls:
            opening = self.library.socket(self.engine.socket_url(address, **parameters))
            connection = await opening.__aenter__()
        try:
            yield Socket(connection)
        finally:
            async with self._calls:
                await connection.close()


class Socket:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: object) -> None:
        """Send an object."""
        await self.connection.send(json.dumps(message))

    async def receive(self) -> Wire:
        """The next message, which is one that the AsyncAPI document has."""
        async with asyncio.timeout(PATIENCE_S):
            found = json.loads(await self.connection.recv())
        assert isinstance(found, dict)
        check_message(found)
        return found

    async def ask(self, **message: object) -> Wire:
        """Send an object, and take the next message for its answer."""
        await self.send(**message)
        return await self.receive()

    async def life(self, order_id: str) -> list[Wire]:
        """The order's events, to the last one; nothing else may come."""
        return (await self.lives(order_id))[order_id]

    async def lives(self, *order_ids: str) -> dict[str, list[Wire]]:
        """The events of each order, until all have ended; nothing else may come."""
        lives: dict[str, list[Wire]] = {order_id: [] for order_id in order_ids}
        while not all(events and events[-1]["status"] in TERMINAL for events in lives.values()):
            event = await self.receive()
            lives[event["orderId"]].append(event)
        return lives

    async def until(self, is_it: Callable[[Wire], bool]) -> list[Wire]:
        """What comes, up to the message that is awaited."""
        received = [await self.receive()]
        while not is_it(received[-1]):
            received.append(await self.receive())
        return received

    async def nothing_more(self) -> None:
        """Assert that all has been said: what comes next is the answer to a ping."""
        assert await self.ask(action="ping") == {"action": "pong"}


def fresh_amount() -> str:
    """A small amount that no other order has: faults are counted by pair and amount."""
    return f"{Decimal(10**5 + secrets.randbelow(10**5)) / 10**5:f}"


async def eventually(
    probe: Callable[[], Awaitable[Found]],
    is_it: Callable[[Found], bool] = bool,
    *,
    every_s: float = 0.05,
    within_s: float = PATIENCE_S,
) -> Found:
    """What `probe` gives, as soon as it is what is awaited."""
    found: Any = None
    try:
        async with asyncio.timeout(within_s):
            while not is_it(found := await probe()):  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(f"still {found!r} after {within_s} s") from None
    return found
