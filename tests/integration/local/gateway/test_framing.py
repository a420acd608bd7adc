"""Where one request ends and the next begins: however the bytes are cut, whatever upgrade is offered.

A body that is taken for a request places an order, so each test counts what reached the function.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.gateway_app import Served, serving, until
from tests.integration.local.gateway.raw import RawClient, request

ORDER = b'{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}'
INNER = request(body=b'{"smuggled": true}')  # a body that would be a request
UPGRADES: dict[str, dict[str, Any]] = {
    "none": {},
    "the JDK's": {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2_Settings": "AAEAAEAAAAIAAAAA",
    },
    "curl's": {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2_Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
    },
    "TLS": {"Connection": "upgrade", "Upgrade": "TLS/1.0"},
    "several": {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket, h2c"},
    "a WebSocket's, for a POST": {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
}
BODIES = {
    "with a length": {"body": INNER},
    "in one chunk": {"chunks": [INNER]},
    "in chunks": {"chunks": [INNER[:1], INNER[1:40], INNER[40:]]},
}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
async def test_a_body_is_read_whole_wherever_it_is_cut_and_whatever_upgrade_is_offered(
    served: Served, upgrade: dict[str, str], sent: dict[str, object]
) -> None:
    whole = request(**sent, **upgrade)  # type: ignore[arg-type]
    last = request("GET /teapot")
    async with await RawClient.connect(served.port) as client:
        for at in range(1, len(whole)):
            await client.send(whole[:at], whole[at:] + last)
            answer, teapot = await client.response(), await client.response()
            assert (answer.status, answer.json["body"]) == (200, INNER.decode()), at
            assert teapot.status == 418


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
async def test_byte_by_byte_is_no_different(
    served: Served, upgrade: dict[str, str], sent: dict[str, object]
) -> None:
    whole = request(**sent, **upgrade)  # type: ignore[arg-type]
    async with await RawClient.connect(served.port) as client:
        await client.send(*(bytes([byte]) for byte in whole))
        answer = await client.response()
        assert answer.json["body"] == INNER.decode()


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/nowhere", "/teapot", "/health/deep"])
async def test_the_body_of_a_refused_request_is_never_the_next_request(
    served: Served, upgrade: dict[str, str], sent: dict[str, object], path: str
) -> None:
    whole = request(f"POST {path}", **sent, **upgrade)  # type: ignore[arg-type]
    head = whole.index(b"\r\n\r\n") + 4
    for at in (head, head + 1, len(whole) - 1):
        async with await RawClient.connect(served.port) as client:
            await client.send(whole[:at])
            await client.send(whole[at:], request("GET /api/orders/last"))
            refused, last = await client.response(), await client.response()
            assert refused.status in (404, 405)
            assert last.json["pathParameters"] == {"orderId": "last"}


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(
            b"".join(
                request(body=b'{"n": %d}' % n, **UPGRADES["curl's" if n % 2 else "none"]) for n in range(500)
            )
        )
        for n in range(500):
            assert (await client.response()).json["body"] == f'{{"n": {n}}}'


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
async def test_a_client_that_expects_100_continue_gets_it_before_it_sends_its_body(
    served: Served, upgrade: dict[str, str], sent: dict[str, object]
) -> None:
    whole = request(Expect="100-continue", **sent, **upgrade)  # type: ignore[arg-type]
    head = whole.index(b"\r\n\r\n") + 4
    async with await RawClient.connect(served.port) as client:
        await client.send(whole[:head])
        assert (await client.response()).status == 100
        await client.send(whole[head:], request("GET /teapot"))
        assert (await client.response()).json["body"] == INNER.decode()
        assert (await client.response()).status == 418


async def test_a_refusal_in_place_of_100_continue_ends_the_connection(served: Served) -> None:
    """For it is open whether the body comes or another request."""
    async with await RawClient.connect(served.port) as client:
        await client.send(request("POST /nowhere", body=INNER, Expect="100-continue")[: -len(INNER)])
        refused = await client.response()
        assert (refused.status, refused.headers["connection"]) == (404, "close")
        assert await client.rest() == b""


async def test_a_body_that_is_cut_short_is_not_acted_on(served: Served) -> None:
    for whole in (request(body=ORDER), request(chunks=[ORDER])):
        async with await RawClient.connect(served.port) as client:
            await client.send(whole[:-3])
            client.writer.write_eof()
            assert await client.rest() == b""


async def test_a_broken_chunk_is_refused_and_what_came_before_it_is_not_acted_on(served: Served) -> None:
    whole = request(chunks=[ORDER, ORDER])
    broken = whole[: -len(ORDER) - 10] + b"no length\r\n" + INNER
    async with await RawClient.connect(served.port) as client:
        await client.send(broken)
        refused = await client.response()
        assert (refused.status, refused.json["code"]) == (400, "INVALID_HTTP")
        assert await client.rest() == b""


async def test_a_client_that_sends_no_more_still_gets_its_answers(served: Served) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(request(body=ORDER) + request("GET /teapot"))
        client.writer.write_eof()
        assert (await client.response()).json["body"] == ORDER.decode()
        assert (await client.response()).status == 418
        assert await client.rest() == b""


async def test_trailers_are_no_headers(served: Served) -> None:
    whole = request(chunks=[ORDER])[:-2] + b"Idempotency-Key: late\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
    async with await RawClient.connect(served.port) as client:
        await client.send(whole + request("GET /teapot"))
        headers = (await client.response()).json["headers"]
        assert "Idempotency-Key" not in headers
        assert "9.9.9.9" not in headers["X-Forwarded-For"]
        assert (await client.response()).status == 418


POST = b"POST /api/orders/execute HTTP/1.1\r\nHost: x\r\n"
AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": request(chunks=[ORDER], Content_Length="5"),
    "chunks that are not last": request(body=ORDER, Transfer_Encoding="chunked, gzip"),
    "a bare line feed": b"POST /api/orders/execute HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a plus in the length": POST + b"Content-Length: +2\r\n\r\n{}",
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_a_body_whose_end_is_ambiguous_is_refused(served: Served, sent: bytes) -> None:
    async with await RawClient.connect(served.port) as client:
        await client.send(sent + INNER)
        refused = await client.response()
        assert (refused.status, refused.json["code"]) == (400, "INVALID_HTTP")
        assert await client.rest() == b""


async def test_a_handshake_behind_a_request_under_way_is_a_get(served: Served) -> None:
    """Its bytes would go to the WebSocket, and the answer of the first into its frames."""
    handshake = request("GET /api/orders/execute", **UPGRADES["a WebSocket's, for a POST"])
    async with await RawClient.connect(served.port) as client:
        await client.send(request("GET /wait") + handshake + request("GET /teapot"))
        await until(lambda: served.gateway.running == 1)
        served.app.release.set()
        assert (await client.response()).json == {"released": True}
        assert (await client.response()).status == 405  # this app's; the engine's own is 426
        assert (await client.response()).status == 418


async def test_what_a_client_sends_right_behind_its_handshake_is_its_first_message(served: Served) -> None:
    handshake = request("GET /api/orders/execute", **UPGRADES["a WebSocket's, for a POST"])
    frame = b"\x81\x82\0\0\0\0{}"
    for before, at in enumerate(range(len(handshake) - 4, len(handshake) + len(frame))):
        sent = handshake + frame
        async with await RawClient.connect(served.port) as client:
            await client.send(sent[:at], sent[at:])
            assert (await client.response()).status == 101
            await until(lambda: len(served.app.of_type("MESSAGE")) > before)  # noqa: B023 - until it is so
            assert served.app.of_type("MESSAGE")[-1]["body"] == "{}"


async def test_a_half_sent_handshake_and_a_whole_one_are_told_apart_by_the_empty_line(served: Served) -> None:
    handshake = request("GET /api/orders/execute", **UPGRADES["a WebSocket's, for a POST"])
    async with await RawClient.connect(served.port) as client:
        await client.send(*(bytes([byte]) for byte in handshake[:-1]))
        await asyncio.sleep(0)
        await client.send(handshake[-1:])
        assert (await client.response()).status == 101
