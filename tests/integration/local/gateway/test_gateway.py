"""The gateway's REST side: real uvicorn, a real Chalice app, a real client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from local.errors import PortTaken
from local.gateway import Gateway, listen, serve
from tests.integration.gateway_app import App, Served, serving, until

LIMIT = 131_072


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client


async def test_a_post_reaches_the_function_as_a_proxy_event(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/orders/execute?a=1&a=2&empty=", json={"x": "é"}, headers=[("X-Trace", "1"), ("X-Trace", "2")]
    )
    event = answer.json()
    assert answer.status_code == 200
    assert json.loads(event["body"]) == {"x": "é"}
    assert event["resource"] == event["path"] == "/api/orders/execute"
    assert event["headers"]["Content-Type"] == "application/json"
    assert event["headers"]["X-Trace"] == "2"
    assert event["multiValueHeaders"]["X-Trace"] == ["1", "2"]
    assert event["queryStringParameters"] == {"a": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "empty": [""]}
    assert event["pathParameters"] is None
    assert event["requestContext"]["requestId"] == answer.headers["x-amzn-requestid"]


async def test_path_parameters_are_decoded(client: httpx.AsyncClient) -> None:
    event = (await client.get("/api/orders/a%20b%2Fc;d")).json()
    assert event["pathParameters"] == {"orderId": "a b/c;d"}
    assert event["requestContext"]["resourcePath"] == "/api/orders/{orderId}"
    assert event["queryStringParameters"] is None
    assert event["body"] is None


async def test_a_body_that_is_not_text_is_base64_in_the_event(client: httpx.AsyncClient) -> None:
    event = (await client.post("/api/orders/execute", content=b"\xff\x00")).json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00"


async def test_parallel_requests_are_kept_apart(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.get(f"/api/orders/{number}") for number in range(100)))
    assert [answer.json()["pathParameters"]["orderId"] for answer in answers] == [str(n) for n in range(100)]


async def test_status_headers_and_text_of_a_response_are_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/teapot")
    assert (answer.status_code, answer.text, answer.headers["x-kind"]) == (418, "short", "teapot")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/orders", "//api/orders/x", "/api/orders/x/y", "/[", "/%00"]
)
async def test_an_unknown_path_is_not_found(client: httpx.AsyncClient, served: Served, path: str) -> None:
    answer = await client.get(served.url + path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_other_methods_reach_the_app_as_by_any_of_api_gateway(client: httpx.AsyncClient) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE"):
        answer = await client.request(method, "/api/orders/execute")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/teapot")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (418, b"", "5")


async def test_a_preflight_is_answered_with_what_is_deployed_whatever_it_asks(
    client: httpx.AsyncClient,
) -> None:
    for asked in ({}, {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-any"}):
        origin = str(client.base_url).rstrip("/")
        preflight = await client.options("/teapot", headers={"Origin": origin, **asked})
        assert (preflight.status_code, preflight.content) == (200, b"")
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-allow-methods"] == "GET,HEAD,OPTIONS"
        allowed = preflight.headers["access-control-allow-headers"].split(",")
        assert {"X-Kind", "Content-Type"} <= {*allowed} and "x-any" not in allowed
        assert preflight.headers["access-control-max-age"] == "60"
        assert preflight.headers["x-amzn-requestid"]


async def test_a_path_without_cors_has_no_preflight(client: httpx.AsyncClient) -> None:
    assert (await client.options("/wait")).status_code == 405


async def test_a_body_at_the_limit_passes_and_one_byte_more_does_not(client: httpx.AsyncClient) -> None:
    fits = await client.post("/api/orders/execute", content=b"x" * LIMIT)
    assert len(fits.json()["body"]) == LIMIT
    answer = await client.post("/api/orders/execute", content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 8192

    answer = await client.post("/api/orders/execute", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_huge_body_is_refused_without_being_read(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /api/orders/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 413 " in head and b"connection: close" in head
    writer.close()
    await writer.wait_closed()


async def test_a_function_that_raises_reveals_no_details(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"
    assert "secret" not in answer.text and "Traceback" not in answer.text


async def test_an_invalid_response_is_an_internal_error(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nonsense")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")


async def test_a_function_that_takes_too_long_is_not_waited_for() -> None:
    async with serving(handler_timeout_s=0.1) as served, httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get("/wait")
        assert (answer.status_code, answer.json()["code"]) == (504, "INTERNAL_ERROR")


async def test_more_requests_than_the_rate_are_throttled() -> None:
    async with serving(rate_per_s=0.01, burst=2) as served, httpx.AsyncClient(base_url=served.url) as client:
        answers = [await client.get("/teapot") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [418, 418, 429]
        assert answers[2].json()["code"] == "TOO_MANY_REQUESTS"
        assert answers[2].headers["retry-after"] == "1"


async def test_more_requests_than_may_wait_are_refused() -> None:
    async with serving(handlers=1, waiting=1) as served, httpx.AsyncClient(base_url=served.url) as client:
        running = asyncio.create_task(client.get("/wait"))
        waiting = asyncio.create_task(client.get("/wait"))
        await until(lambda: served.gateway.waiting == 1)
        answer = await client.get("/wait")
        assert (answer.status_code, answer.json()["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
        served.app.release.set()
        assert [(await task).status_code for task in (running, waiting)] == [200, 200]


async def test_a_response_does_not_wait_for_an_acknowledgement(client: httpx.AsyncClient) -> None:
    took = [(await client.get("/teapot")).elapsed.total_seconds() for _ in range(40)]
    assert min(took[20:]) < 0.04  # what each would take with Nagle's algorithm


async def test_a_stop_completes_a_request_under_way() -> None:
    async with serving() as served, httpx.AsyncClient(base_url=served.url) as client:
        request = asyncio.create_task(client.get("/wait"))
        await until(lambda: served.gateway.running == 1)
        served.stop.set()
        served.app.release.set()
        assert (await request).json() == {"released": True}
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", served.port)


async def test_a_port_in_use_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}.*in use.*choose another"):
            await serve(Gateway(App()), "127.0.0.1", port, started=lambda: None, stop=asyncio.Event())
