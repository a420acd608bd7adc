"""A client that subscribes to orders on one socket, and connects again after the last event that it has seen.

It drops what it has seen already, by `seq`, and records every broken promise of the engine: a gap, an
event that comes twice, an order that is not there, an event or a subscription of another account's order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from local.client import AsyncEngineClient, Refused, Unreachable
from tests.e2e.engine import Engine
from tests.e2e.life import TERMINAL, Wire

PAUSE_S = 0.2
PING_EVERY_S = 1.0
NOT_ALLOWED = (4401, 4403)  # close codes
SILENT_FOR_S = 10.0  # longer than it takes to answer a ping


@dataclass(frozen=True)
class Twice:
    """An event that came again on the same socket, when, and since when the socket was open."""

    order_id: str
    seq: int
    opened_at: float
    at: float


class Interrupted(Exception):
    """The socket can't be used any more, or not for this; another one may."""


class Subscriber:
    """Subscribes to `order_ids`; `run()` returns when the last event of each has been seen.

    It has the engine's key, or a `ticket` for each socket, of its one order. `others` are orders of another
    account that it tries to subscribe to.
    """

    def __init__(
        self,
        engine: Engine,
        *order_ids: str,
        ping_every_s: float = PING_EVERY_S,
        ticket: Callable[[str], Awaitable[str]] | None = None,
        others: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._ping_every_s = ping_every_s
        self._ticket = ticket
        self._others = others
        self.seen: dict[str, list[Wire]] = {order_id: [] for order_id in order_ids}
        self.twice: list[Twice] = []
        self.wrong: list[str] = []
        self.sockets = 0
        self._opened_at = 0.0

    @property
    def is_done(self) -> bool:
        """Whether every order has been seen to its end."""
        return not self._open()

    async def run(self) -> None:
        """Receive events, on as many sockets as it takes."""
        while not self.is_done:
            try:
                async with self._socket() as socket:
                    await self._receive(socket)
            except (Interrupted, ConnectionClosed, Refused, Unreachable, TimeoutError) as error:
                if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code in NOT_ALLOWED:
                    self.wrong.append(f"a socket was closed: {error}")
                if isinstance(error, Refused) and error.status not in (429, 503, 504):
                    self.wrong.append(f"a socket was refused: {error.status}")
                await asyncio.sleep(PAUSE_S)

    @contextlib.asynccontextmanager
    async def _socket(self) -> AsyncIterator[ClientConnection]:
        """A socket subscribed to the orders that have not ended."""
        order_ids = self._open()
        alone = len(self.seen) == 1
        where: dict[str, Any] = {}
        if alone:
            where = {"orderId": order_ids[0], "after": len(self.seen[order_ids[0]])}
        key, url = self._engine.api_key, self._engine.socket_url(**where)
        if self._ticket is not None:
            key, url = "", f"{await self._ticket(order_ids[0])}&after={where['after']}"
        self._opened_at = time.monotonic()
        async with AsyncEngineClient(self._engine.http_url, api_key=key).socket(url) as socket:
            self.sockets += 1
            for order_id in [*([] if alone else order_ids), *self._others]:
                after = len(self.seen.get(order_id, ()))
                await socket.send(
                    json.dumps({"action": "subscribe", "orderId": order_id, "after": str(after)})
                )
            yield socket

    async def _receive(self, socket: ClientConnection) -> None:
        asking = asyncio.create_task(self._ask(socket))
        try:
            while not self.is_done:
                async with asyncio.timeout(self._ping_every_s + SILENT_FOR_S):
                    message = json.loads(await socket.recv())
                order_id = message.get("orderId")
                if order_id is not None and order_id not in self.seen:
                    self._take_other(order_id, message)
                elif "seq" in message:
                    self._take(message)
                elif "error" in message:
                    raise Interrupted(message)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def _take(self, event: Wire) -> None:
        order_id, seq = event["orderId"], event["seq"]
        seen = self.seen[order_id]
        if seq == len(seen) + 1:
            seen.append(event)
        elif seq > len(seen):
            self.wrong.append(f"after event {len(seen)} of {order_id} came {seq}")
            raise Interrupted
        else:
            self.twice.append(Twice(order_id, seq, self._opened_at, time.monotonic()))

    def _take_other(self, order_id: str, message: Wire) -> None:
        """An order that is not this client's: all that it may be answered is that there is none."""
        if order_id not in self._others or message.get("code") != "ORDER_NOT_FOUND":
            if message.get("code") in ("TEMPORARILY_UNAVAILABLE", "TOO_MANY_REQUESTS"):
                raise Interrupted(message)
            self.wrong.append(f"it was sent {message} of another account's order {order_id}")

    def _open(self) -> list[str]:
        """The orders whose end has not been seen."""
        return [
            order_id for order_id, seen in self.seen.items() if not seen or seen[-1]["status"] not in TERMINAL
        ]

    async def _ask(self, socket: ClientConnection) -> None:
        """Ask now and then whether the engine still knows the socket; one that it has lost, it closes."""
        while True:
            await asyncio.sleep(self._ping_every_s)
            await socket.send(json.dumps({"action": "ping"}))
