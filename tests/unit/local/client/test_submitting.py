"""A submit whose answer is lost on the way: one key, one order, and no claim that it has failed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from local.client import AsyncEngineClient, OutcomeUnknown, Refused, Unreachable
from local.client import async_client as module
from tests.fakes import eventually
from tests.link import Link

TERMS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}

Answer = tuple[int, object]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)


class Server:
    """Takes submits as the engine does, one order a key; gives the answers of `script` first."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.keys: list[str] = []
        self.orders: dict[str, str] = {}

    def answer(self, body: dict[str, Any]) -> Answer:
        self.keys.append(body["clientOrderId"])
        if self.script:
            return self.script.pop(0)
        order = self.orders.setdefault(body["clientOrderId"], f"order-{len(self.orders) + 1}")
        return 202, {"orderId": order, "status": "pending", "websocket": "/"}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"ength" in line]
            status, answer = self.answer(json.loads(await reader.readexactly(length)))
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
            await writer.drain()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.add(asyncio.current_task())
            try:
                await self.handle(reader, writer)
            except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
                writer.transport.abort()

        serving: set[Any] = set()
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving)


def first(times: int) -> Callable[[bytes], bool]:
    """Whether a reply is among the first so many."""
    seen = [0]

    def matches(data: bytes) -> bool:
        seen[0] += 1
        return seen[0] <= times

    return matches


@pytest.mark.parametrize("keep", [0, 10, 60], ids=["nothing", "a piece of the head", "a piece of the body"])
async def test_a_submit_whose_reply_is_dropped_twice_places_one_order(keep: int):
    server = Server()
    async with server.listening() as url, Link.to(url) as link, AsyncEngineClient(link.url) as client:
        link.down.reset_when(first(2), keep=keep)
        answer = await client.submit(TERMS)
        assert answer["orderId"] == "order-1"
    assert len(server.keys) == 3
    assert len(server.orders) == 1


async def test_a_submit_whose_reply_never_comes_is_not_said_to_have_failed():
    server = Server()
    async with server.listening() as url, Link.to(url) as link, AsyncEngineClient(link.url) as client:
        link.down.reset_when()
        with pytest.raises(OutcomeUnknown, match="may have been placed") as raised:
            await client.submit(TERMS)
        link.heal()
        answer = await client.submit(TERMS, key=raised.value.key)
    assert {*server.keys} == {raised.value.key}
    assert answer["orderId"] == "order-1" and len(server.orders) == 1


async def test_a_submit_that_is_swallowed_is_not_said_to_have_failed():
    server = Server()
    async with (
        server.listening() as url,
        Link.to(url) as link,
        AsyncEngineClient(link.url, timeout_s=0.05) as client,
    ):
        link.down.black_hole()
        with pytest.raises(OutcomeUnknown, match="Timeout"):
            await client.submit(TERMS)


BUSY = {"error": "Busy.", "code": "TEMPORARILY_UNAVAILABLE"}
FAULT = {"error": "Something went wrong.", "code": "INTERNAL_ERROR"}
WRONG = {"error": "No such token.", "code": "UNKNOWN_TOKEN"}
MANY = {"error": "Too many.", "code": "TOO_MANY_REQUESTS"}
PAGE = b"<html>Bad gateway</html>"


@pytest.mark.parametrize(
    ("script", "expected", "tries"),
    [
        ([(500, FAULT)], None, 2),  # it says nothing of whether the order was stored
        ([(504, FAULT), (502, PAGE)], None, 3),  # a proxy's
        ([(502, PAGE)] * 9, OutcomeUnknown, 4),
        ([(500, FAULT), (429, MANY), (503, BUSY)], None, 4),  # what is refused now may have been taken before
        ([(500, FAULT)] + [(429, MANY)] * 9, OutcomeUnknown, 4),
        ([(500, FAULT), (400, WRONG)], Refused, 2),  # it would have been refused before, too
        ([(503, BUSY)], Refused, 1),  # nothing is stored
        ([(429, MANY)], Refused, 1),
        ([(400, WRONG)], Refused, 1),
        ([(404, PAGE)], Unreachable, 1),
    ],
)
async def test_an_answer_is_final_only_if_it_says_what_became_of_the_order(
    script: list[Answer], expected: type[Exception] | None, tries: int
):
    server = Server(*script)
    async with server.listening() as url, AsyncEngineClient(url) as client:
        if expected is None:
            assert (await client.submit(TERMS))["orderId"] == "order-1"
        else:
            with pytest.raises(expected):
                await client.submit(TERMS)
    assert len(server.keys) == tries
    assert len({*server.keys}) == 1


async def test_without_an_engine_nothing_was_placed_and_that_is_what_is_said():
    async with AsyncEngineClient("http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable, match="No engine answers"):
            await client.submit(TERMS)


async def test_an_engine_that_goes_away_after_a_lost_reply_leaves_it_unknown():
    server = Server()
    async with server.listening() as url, Link.to(url) as link, AsyncEngineClient(link.url) as client:
        link.down.black_hole()
        submitting = asyncio.create_task(client.submit(TERMS))
        await eventually(lambda: bool(server.keys))
        await link.close()
        with pytest.raises(OutcomeUnknown):
            await submitting


async def test_every_submit_has_a_key_of_its_own():
    server = Server()
    async with server.listening() as url, AsyncEngineClient(url) as client:
        await client.submit(TERMS)
        await client.submit(TERMS)
        await client.submit(TERMS, key="mine")
    assert len({*server.keys}) == 3
    assert server.keys[-1] == "mine"


@pytest.mark.parametrize("address", ["/api/orders/execute?orderId=x", "api/orders/execute?orderId=x"])
async def test_an_address_is_resolved_below_the_engines_own_path(address: str):
    async with AsyncEngineClient("https://host/engine/") as client:
        assert client._socket_url(address, {"after": 2}) == (
            "wss://host/engine/api/orders/execute?orderId=x&after=2"
        )
        assert client._socket_url("wss://other/x?a=1", {}) == "wss://other/x?a=1"
