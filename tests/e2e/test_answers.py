"""What our gateway says by itself: unknown paths, other methods, HEAD, OPTIONS, broken HTTP."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.e2e.engine import Engine
from tests.e2e.raw import ask

ROUTES = [
    ("/", "GET"),
    ("/health", "GET"),
    ("/api/quote", "GET"),
    ("/api/tokens", "GET"),
    ("/api/orders", "GET DELETE"),
    ("/api/orders/00000000-0000-0000-0000-000000000001", "GET DELETE"),
    ("/api/orders/execute", "GET POST"),
    ("/api/orders/batch", "POST"),
]


def every(own: str) -> set[str]:
    """The path's own methods, and those that come with them."""
    methods = {*own.split(), "OPTIONS"}
    return methods | {"HEAD"} if "GET" in methods else methods


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/api/orders/execute/more",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/quote%00",
        "/" + "a" * 5000,
    ],
)
def test_a_path_that_there_is_not_is_not_found(gateway: Engine, path: str) -> None:
    ask(gateway, "GET", path, headers={}).assert_refused(404, "NOT_FOUND")


@pytest.mark.parametrize(("path", "method"), ROUTES)
@pytest.mark.parametrize("asked", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_another_method_than_the_paths_own_is_refused_and_the_own_named(
    gateway: Engine, path: str, method: str, asked: str
) -> None:
    if asked in method.split():
        return
    answer = ask(gateway, asked, path, headers={})
    answer.assert_refused(405, "METHOD_NOT_ALLOWED")
    assert {*answer.headers["allow"].split(", ")} == every(method)


@pytest.mark.parametrize("path", ["/", "/health", "/api/orders"])
def test_head_answers_as_get_does_but_without_a_body(gateway: Engine, path: str) -> None:
    got, headed = (ask(gateway, method, path, headers={}) for method in ("GET", "HEAD"))
    assert (headed.status, headed.body) == (200, b"")
    assert headed.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_options_names_the_methods_for_pages_that_may(gateway: Engine, path: str, method: str) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-any"}
    answer = ask(gateway, "OPTIONS", path, headers={"Origin": gateway.http_url, **asked})
    assert (answer.status, answer.body) == (200, b"")
    methods = answer.headers["access-control-allow-methods"].split(",")
    assert {*methods} == every(method)
    allowed = answer.headers["access-control-allow-headers"].lower().split(",")
    assert {"content-type", "idempotency-key", "traceparent", "x-request-id"} <= {*allowed}
    assert "x-any" not in allowed
    assert answer.headers["access-control-allow-origin"] == gateway.http_url


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/orders/execute HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /api/orders/execute HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_hung_up_on_without_a_word_about_the_inside(
    gateway: Engine, request_bytes: bytes
) -> None:
    url = urlsplit(gateway.http_url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 400 " in answer.partition(b"\r\n")[0] or not answer
    assert b"Traceback" not in answer


def test_every_answer_is_json_and_may_be_read_by_the_engines_own_pages_alone_while_it_is_open(
    engine: Engine,
) -> None:
    url = urlsplit(engine.http_url)
    own = f"{url.scheme}://{url.netloc}"
    for path in ("/", "/health", "/api/orders", "/api/orders/unknown"):
        for origin in (own, "http://evil.example"):
            answer = ask(engine, "GET", path, headers={"Origin": origin})
            assert json.loads(answer.body)
            readers = answer.headers.get("access-control-allow-origin")
            if engine.api_key:  # which no page has that was not given one
                assert readers == "*"
            else:
                assert readers == (origin if origin == own else None)
                assert "Origin" in answer.headers["vary"].split(", ")


def test_so_is_what_the_gateway_says_by_itself(gateway: Engine) -> None:
    answer = ask(gateway, "GET", "/nothing", headers={"Origin": gateway.http_url})
    assert json.loads(answer.body)
    assert answer.headers["access-control-allow-origin"] == gateway.http_url
