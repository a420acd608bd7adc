"""Time and memory that one client can take: bounded, whatever it sends or does not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from local.gateway import server
from local.gateway.limits import ConnectionLimit, Phase, connections_within
from tests.integration.gateway_app import Served, serving, until
from tests.integration.local.gateway.raw import RawClient, request

SLOW = request(body=b"x" * 100)
HEAD = SLOW[:-100]
SHORT: dict[str, Any] = {"http_idle_s": 0.3, "head_s": 0.3, "body_s": 0.3, "write_s": 0.3}


@pytest.fixture
async def impatient() -> AsyncIterator[Served]:
    async with serving(**SHORT) as served:
        yield served


@contextlib.contextmanager
def trickling(client: RawClient, data: bytes) -> Iterator[None]:
    """Send a byte every few milliseconds meanwhile."""

    async def trickle() -> None:
        with contextlib.suppress(OSError):
            for byte in data * 1000:
                await client.send(bytes([byte]))
                await asyncio.sleep(0.02)

    task = asyncio.create_task(trickle())
    try:
        yield
    finally:
        task.cancel()


async def test_a_connection_that_sends_nothing_is_closed(impatient: Served) -> None:
    async with await RawClient.connect(impatient.port) as client:
        assert await client.rest() == b""


async def test_a_connection_that_sends_empty_lines_only_is_closed(impatient: Served) -> None:
    async with await RawClient.connect(impatient.port) as client:
        with trickling(client, b"\r\n"):
            assert await client.rest() == b""


async def test_a_connection_that_is_kept_for_more_is_closed_after_the_last_answer(impatient: Served) -> None:
    async with await RawClient.connect(impatient.port) as client:
        await client.send(request("GET /teapot"))
        assert (await client.response()).status == 418
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"GET /teapot HTTP/1.1\r\nHost: engine\r\nX-Endless: "),
        (HEAD, b"x"),
        (request(chunks=[b"x"])[:-5], b"1\r\nx\r\n"),
        (request("GET /teapot"), b"GET /teapot HTTP/1.1\r\nHost: engine\r\nX-Endless: "),
    ],
    ids=["head", "body", "chunks", "second head"],
)
async def test_a_request_that_comes_byte_by_byte_is_refused(
    impatient: Served, first: bytes, then: bytes
) -> None:
    async with await RawClient.connect(impatient.port) as client:
        await client.send(first)
        with trickling(client, then):
            if first.startswith(b"GET"):
                assert (await client.response()).status == 418
            refused = await client.response()
            assert (refused.status, refused.json["code"]) == (408, "REQUEST_TIMEOUT")
            assert refused.headers["connection"] == "close"
            assert await client.rest() == b""
    assert impatient.gateway.running == 0


async def test_a_client_of_a_slow_function_is_not_hurried(impatient: Served) -> None:
    """Nor one whose next request waits behind it."""
    async with await RawClient.connect(impatient.port) as client:
        await client.send(request("GET /wait") + request("GET /teapot"))
        await asyncio.sleep(2 * server.TICKS * 0.1)  # the deadlines have passed and been looked at
        impatient.app.release.set()
        assert (await client.response()).json == {"released": True}
        assert (await client.response()).status == 418


async def test_a_client_that_does_not_read_its_answers_is_cut_off(impatient: Served) -> None:
    large = request(body=b"x" * 130_000) * 30
    with contextlib.closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", impatient.port))
        with pytest.raises(OSError):  # reset
            async with asyncio.timeout(10):
                await loop.sock_sendall(client, large)
                await asyncio.sleep(2 * server.TICKS * 0.1)  # the deadline has passed and been looked at
                while await loop.sock_recv(client, 4096):
                    pass


HEADS = {
    "one long header": b"GET /teapot HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 17_000 + b"\r\n\r\n",
    "many headers": b"GET /teapot HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 100 + b"\r\n",
    "long headers": b"GET /teapot HTTP/1.1\r\nHost: x\r\n" + (b"X-A: " + b"c" * 400 + b"\r\n") * 60 + b"\r\n",
    "a long path": b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path without end": b"GET /" + b"a" * 100_000,
    "a header without end": b"GET /teapot HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 100_000,
    "a name without end": b"GET /teapot HTTP/1.1\r\nHost: x\r\n" + b"c" * 100_000,
    "a trailer without end": request(chunks=[b"x"])[:-2] + b"X-Late: " + b"c" * 100_000,
    "a chunk's extension without end": request(chunks=[b"x"])[:-5] + b"5;" + b"c" * 100_000,
    "a handshake with a long line": request(
        "GET /api/orders/execute",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Cookie="c" * 9_000,
    ),
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("piece", [100_100, 1_000])
async def test_a_head_that_is_too_large_is_refused(sent: bytes, piece: int) -> None:
    async with serving() as served, await RawClient.connect(served.port) as client:
        with contextlib.suppress(OSError):
            await client.send(*(sent[at : at + piece] for at in range(0, len(sent), piece)))
        refused = await client.response()
        assert (refused.status, refused.json["code"]) == (431, "HEADERS_TOO_LARGE")
        assert await client.rest() == b""


async def test_a_large_head_within_the_bounds_is_read() -> None:
    async with serving() as served, await RawClient.connect(served.port) as client:
        for piece in (100_000, 7):
            sent = request("GET /teapot", Cookie="c" * 12_000, X_More="d" * 2_000)
            await client.send(*(sent[at : at + piece] for at in range(0, len(sent), piece)))
            assert (await client.response()).status == 418


async def test_idle_connections_make_room_for_others_oldest_first() -> None:
    async with serving(max_connections=40) as served, contextlib.AsyncExitStack() as stack:
        busy = await stack.enter_async_context(await RawClient.connect(served.port))
        await busy.send(request("GET /wait"))
        await until(lambda: served.gateway.running == 1)
        listening = await stack.enter_async_context(connect(served.socket_url))
        idle = [await stack.enter_async_context(await RawClient.connect(served.port)) for _ in range(50)]
        async with httpx.AsyncClient(base_url=served.url) as client:
            assert (await client.get("/teapot")).status_code == 418
        assert await idle[0].rest() == b""  # the oldest is gone
        await idle[-1].send(request("GET /teapot"))  # and not the newest
        assert (await idle[-1].response()).status == 418
        await served.gateway.send(served.connection_id(), "true")
        assert await listening.recv() == "true"
        served.app.release.set()
        assert (await busy.response()).json == {"released": True}


async def test_where_nothing_is_idle_a_new_connection_is_refused_with_a_reason() -> None:
    async with serving(max_connections=3) as served, contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(connect(served.socket_url))
        async with await RawClient.connect(served.port) as client:
            refused = await client.response()
            assert (refused.status, refused.json["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            assert refused.headers["retry-after"] == "1"


def test_what_has_waited_longest_for_least_is_closed_first() -> None:
    class Waiting:
        def __init__(self, phase: Phase, since: float) -> None:
            self.phase, self.since = phase, since

        def abort(self) -> None:
            closed.append((self.phase, self.since))

    closed: list[tuple[Phase, float]] = []
    clients = [Waiting(phase, since) for phase in reversed(Phase) for since in (2.0, 1.0)]
    assert ConnectionLimit(60).make_room(clients)
    assert closed == [(Phase.WAITING, 1.0), (Phase.WAITING, 2.0), (Phase.HEAD, 1.0)]
    assert not ConnectionLimit(60).make_room([Waiting(Phase.ANSWERING, 0.0)])


def test_the_engine_keeps_descriptors_for_itself() -> None:
    assert connections_within(1024) < 1024 - 64
    assert connections_within(65_536) < 60_000


PING = b"\x89\x80\0\0\0\0"
MESSAGE = b"\x81\x82\0\0\0\0{}"


@pytest.mark.parametrize("frame", [PING, MESSAGE], ids=["pings", "messages"])
async def test_a_flood_that_reads_nothing_takes_no_memory_and_does_not_delay_others(frame: bytes) -> None:
    async with serving() as served, httpx.AsyncClient(base_url=served.url) as other:
        served.app.on_message = _echo_large(served)
        flood = await _open(served.port)
        with contextlib.closing(flood):
            loop = asyncio.get_running_loop()
            sent = 0
            try:
                async with asyncio.timeout(2):
                    while True:
                        await loop.sock_sendall(flood, frame * 5_000)
                        sent += 5_000 * len(frame)
                        assert (await other.get("/teapot")).status_code == 418
            except TimeoutError:
                pass  # no more of it is read
            except OSError:
                assert frame is MESSAGE  # what is pushed to a client that does not read cuts it off
            assert sent < 16_000_000


def _echo_large(served: Served) -> Callable[[dict[str, Any]], dict[str, int]]:
    def echo(event: dict[str, Any]) -> dict[str, int]:
        served.push_from_function(event["requestContext"]["connectionId"], "x" * 10_000)
        return {"statusCode": 200}

    return echo


async def _open(port: int) -> socket.socket:
    """A WebSocket whose client never reads again."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    handshake = request(
        "GET /api/orders/execute",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )
    await loop.sock_sendall(client, handshake)
    assert b" 101 " in await loop.sock_recv(client, 64)
    return client


async def test_a_long_message_and_many_short_ones_arrive_whole_and_in_order() -> None:
    async with serving() as served, connect(served.socket_url) as client:

        def on_message(event: dict[str, Any]) -> dict[str, int]:
            served.push_from_function(event["requestContext"]["connectionId"], len(event["body"]))
            return {"statusCode": 200}

        served.app.on_message = on_message
        lengths = [1, 130_000, *range(2, 200), 100_000]
        sending = asyncio.create_task(_send_all(client, lengths))
        assert [json.loads(await client.recv()) for _ in lengths] == lengths
        await sending


async def _send_all(client: ClientConnection, lengths: list[int]) -> None:
    for length in lengths:
        await client.send("x" * length)
