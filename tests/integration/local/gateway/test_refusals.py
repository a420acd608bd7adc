"""Whatever stands before the functions refuses in the shape of every other error: JSON, with a code."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.gateway_app import Served, serving
from tests.integration.local.gateway.raw import RawClient, RawResponse, request

HANDSHAKE: dict[str, Any] = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def assert_refusal(answer: RawResponse, status: int, code: str) -> None:
    """That it is as every refusal is, the gateway's or a function's."""
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["error"].endswith(".")
    assert answer.headers["content-type"] == "application/json"
    assert "access-control-allow-origin" not in answer.headers  # of an open engine, and of no page
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-amzn-requestid"]
    assert b'": ' not in answer.body  # in one spacing


MALFORMED = {
    "not HTTP": b"\0\1\2\3\r\n\r\n",
    "no path": b"GET\r\n\r\n",
    "no such version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303"),
    "no host": b"GET /teapot HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /teapot HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "a host that is none": b"GET /teapot HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a host with a path": b"GET /teapot HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a name for its port": b"GET /teapot HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "no length": b"POST /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "a negative length": b"POST /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a path that is not ASCII": "GET /é HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "a proxy's request": b"CONNECT engine:443 HTTP/1.1\r\nHost: engine:443\r\n\r\n",
    "a NUL in a header": b"GET /teapot HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "a folded header": b"GET /teapot HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_request_is_refused(served: Served, sent: bytes) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(sent)
        refused = await client.response()
        assert_refusal(refused, 400, "INVALID_HTTP")
        assert refused.headers["connection"] == "close"
        assert await client.rest() == b""


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
async def test_the_requests_before_it_are_answered_first(served: Served, sent: bytes) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(request("GET /teapot") + request("GET /teapot") + sent)
        assert [(await client.response()).status for _ in range(3)] == [418, 418, 400]
        assert await client.rest() == b""


@pytest.mark.parametrize("host", ["x", "x:3000", "[::1]:3000", "127.0.0.1", "a-b.example", ""])
async def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host: str) -> None:
    async with serving(allowed_hosts=("*",)) as served, await RawClient.connect(served.port) as client:
        await client.send(request("GET /teapot", Host=host))
        assert (await client.response()).status == 418


async def test_http_1_0_needs_no_host(served: Served) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(b"GET /teapot HTTP/1.0\r\n\r\n")
        assert (await client.response()).status == 418
        assert await client.rest() == b""


async def test_random_bytes_get_json_or_silence(served: Served) -> None:
    chance = random.Random(11)
    alphabet = [b"GET ", b"POST ", b"/teapot", b" HTTP/1.1", b"\r\n", b"Host: x", b":", b"\0", b"\xff", b" ",
                b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Upgrade: h2c", b"Connection: Upgrade",
                b"Expect: 100-continue", b"5\r\n", b"{}"]  # fmt: skip
    for _ in range(300):
        sent = b"".join(chance.choices(alphabet, k=chance.randrange(1, 24)))
        async with await RawClient.connect(served.port) as client:
            await client.send(sent)
            client.writer.write_eof()
            answered = await client.rest()
            for head in re.findall(rb"HTTP/1\.1 [2345]\d\d .*?\r\n\r\n", answered, re.DOTALL):
                assert b" 418 " in head or b"content-type: application/json" in head, sent


@pytest.mark.parametrize(
    "wrong",
    [
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "!"},
        {"Upgrade": "websockets"},
        {"Connection": "keep-alive"},
        {"Content_Length": "2"},
    ],
    ids=str,
)
async def test_a_handshake_that_is_none_is_an_ordinary_get(served: Served, wrong: dict[str, str]) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(
            request("GET /api/orders/x", **{**HANDSHAKE, **wrong}), b"{}" * ("Content_Length" in wrong)
        )
        assert (await client.response()).json["pathParameters"] == {"orderId": "x"}
        assert not served.app.of_type("CONNECT")


async def test_a_handshake_that_is_refused_is_as_every_refusal(served: Served) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(request("GET /nowhere", **HANDSHAKE))
        assert_refusal(await client.response(), 404, "NOT_FOUND")


async def test_an_error_of_the_gateways_own_is_as_every_refusal(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a secret detail")

    monkeypatch.setattr("local.gateway.rest.rest_event", broken)
    async with await RawClient.connect(served.port) as client:
        await client.send(request("GET /teapot"))
        answer = await client.response()
        assert_refusal(answer, 500, "INTERNAL_ERROR")
        assert b"secret" not in answer.body
