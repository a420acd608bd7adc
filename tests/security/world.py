"""An engine that takes API keys, and the callers of two accounts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from local import ROOT
from tests.e2e.engine import Engine, LocalEngine
from tests.security.web import Web

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
RESTS = ORDER | {"type": "limit", "limitPrice": "1000000"}
UNKNOWN = "22222222-2222-4222-8222-222222222222"
TICKET_TTL_MS = 2000
SETTINGS = {
    "ENGINE_AUTH": "keys",
    "SIM_LATENCY": "0.05",
    "TICKET_TTL_MS": str(TICKET_TTL_MS),
    "RATE_LIMIT_PER_S": "1000",
    "RATE_BURST": "1000",
}
SOON_S = 20.0


@dataclass(frozen=True)
class Key:
    """A key of an account."""

    id: str
    text: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What a request with it says."""
        return {"Authorization": f"Bearer {self.text}"}


class World:
    """A context manager. `alice` and `bob` may read and write; `order_id` is a resting order of Alice's."""

    def __init__(self, settings: Mapping[str, str] = SETTINGS) -> None:
        self.local = LocalEngine(settings)
        self.engine: Engine
        self.http: httpx.AsyncClient
        self.alice: Key
        self.bob: Key
        self.order_id = ""
        self.secrets: list[str] = []  # every key and ticket that there was
        self._web: Web | None = None

    async def __aenter__(self) -> World:
        self.engine = self.local.start()
        self.http = httpx.AsyncClient(base_url=self.engine.http_url, trust_env=False, timeout=30)
        self.alice, self.bob = self.key("alice"), self.key("bob")
        placed = await self.submit(self.alice, **RESTS, clientOrderId="alices-key")
        self.order_id = placed["orderId"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._web is not None:
            await self._web.__aexit__(kind, error, trace)
        await self.http.aclose()
        self.local.__exit__(kind, error, trace)

    async def web(self) -> Web:
        """A browser, sites and an open engine, from the first attempt on. Raises NoBrowser."""
        if self._web is None:
            self._web = await Web(self.engine, self.order_id).__aenter__()
        return self._web

    def keys(self, *command: str) -> Any:
        """What the command line says of keys."""
        state = ("--json", "--state", str(self.local.state))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "local", "keys", *command, *state],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def key(self, account: str, *scopes: str, expires: str | None = None) -> Key:
        """A new key."""
        options = [part for scope in scopes for part in ("--scope", scope)]
        made = self.keys("create", account, *options, *(["--expires", expires] if expires else []))
        self.secrets.append(made["key"])
        return Key(made["id"], made["key"])

    def revoke(self, key: Key) -> None:
        """End a key."""
        self.keys("revoke", key.id)

    async def submit(self, key: Key, **terms: object) -> Any:
        """The answer to a submit, which is taken."""
        answer = await self.http.post("/api/orders/execute", json=terms, headers=key.headers)
        assert answer.status_code in (200, 202), answer.text
        found = answer.json()
        self.secrets.append(ticket_of(found["websocket"]))
        return found

    async def ticket(self, key: Key, order_id: str | None = None) -> str:
        """The address of a WebSocket with a ticket."""
        body = {} if order_id is None else {"orderId": order_id}
        answer = await self.http.post("/api/tickets", json=body, headers=key.headers)
        assert answer.status_code == 201, answer.text
        address = str(answer.json()["websocket"])
        self.secrets.append(ticket_of(address))
        return address

    async def status(self) -> str:
        """Where Alice's order is."""
        answer = await self.http.get(f"/api/orders/{self.order_id}", headers=self.alice.headers)
        return str(answer.json()["status"])

    async def say(self, address: str | None, *messages: Mapping[str, object]) -> list[Any]:
        """What a WebSocket answers to messages, events left out; the end of it is `{"closed": code}`."""
        answers: list[Any] = []
        async with connect(self.engine.ws_url if address is None else address, proxy=None) as socket:
            try:
                for message in messages or [{"action": "ping"}]:
                    with suppress(ConnectionClosed):  # what came before is still to be read
                        await socket.send(json.dumps(message))
                    while "seq" in (answer := json.loads(await socket.recv())):
                        pass
                    answers.append(answer)
                    if "code" in answer and not messages:
                        await socket.recv()  # which is then closed
            except ConnectionClosed as end:
                assert end.rcvd is not None
                answers.append({"closed": end.rcvd.code})
        return answers

    def open(self, address: str) -> connect:
        """A WebSocket that stays open."""
        return connect(address, proxy=None)


async def closed(socket: ClientConnection) -> int:
    """The code with which the engine closes it."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code


def ticket_of(address: str) -> str:
    """The ticket in an address."""
    return parse_qs(urlsplit(address).query)["ticket"][0]


def codes(answers: Sequence[Any]) -> set[str]:
    """The codes of refusals among answers; of what was granted its action or status."""
    return {
        str(one.get("code") or one.get("closed") or one.get("action") or one.get("status")) for one in answers
    }
