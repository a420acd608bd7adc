"""What every answer of the functions has, whatever is asked; and that the gateway says it alike."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import app as functions
import pytest
from chalicelib.api import cors

from local.gateway import errors
from local.gateway.http import Response
from tests.fakes import MemoryEngine
from tests.infra.resolved import load
from tests.rest import ORDER, call, socket_event, submit

TERMS: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        yield engine


def at(path: str, route: str, method: str = "GET", **parts: Any) -> dict[str, Any]:
    """What the functions answer to a request that came by `path` of https://host.example."""
    event = {
        "resource": route,
        "path": path,
        "httpMethod": method,
        "headers": {"Host": "host.example", "X-Forwarded-Proto": "https"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parts or None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": route,
            "path": path,
            "domainName": "host.example",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": ORDER.decode() if method == "POST" else None,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = functions.app(event, None)
    return {**answer, "body": json.loads(answer["body"])}


# --- Addresses ---


@pytest.mark.parametrize("prefix", ["", "/engine", "/api", "/a/b"])
def test_addresses_are_absolute_and_below_the_prefix_or_stage(engine: MemoryEngine, prefix: str) -> None:
    submitted = at(f"{prefix}/api/orders/execute", "/api/orders/execute", "POST")["body"]
    stream = f"wss://host.example{prefix}/api/orders/execute?orderId={submitted['orderId']}"
    assert submitted["websocket"] == stream
    order = at(
        f"{prefix}/api/orders/{submitted['orderId']}", "/api/orders/{order_id}", order_id=submitted["orderId"]
    )
    assert order["body"]["websocket"] == stream
    document = at(f"{prefix}/openapi.json", "/openapi.json")["body"]
    assert document["servers"] == [{"url": f"https://host.example{prefix}"}]
    assert (
        stream.partition("?")[0] in at(f"{prefix}/api/orders/execute", "/api/orders/execute")["body"]["error"]
    )


def test_where_the_sockets_have_an_address_of_their_own_it_is_that() -> None:
    with MemoryEngine(websocket_url="wss://sockets.example/api"):
        submitted = at("/api/orders/execute", "/api/orders/execute", "POST")["body"]
    assert submitted["websocket"] == f"wss://sockets.example/api?orderId={submitted['orderId']}"


# --- Headers and methods ---


@pytest.mark.parametrize("route", ["/", "/openapi.json", "/health", "/api/orders", "/api/quote"])
def test_only_what_is_the_same_for_all_may_be_cached(engine: MemoryEngine, route: str) -> None:
    answer = call("GET", route)
    assert ("Cache-Control" in answer.headers) == (route not in ("/", "/openapi.json"))
    assert answer.headers.get("Cache-Control", "no-store") == "no-store"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
@pytest.mark.parametrize("route", functions.app.routes)
def test_a_wrong_method_is_told_the_right_ones(engine: MemoryEngine, method: str, route: str) -> None:
    if method in functions.app.routes[route]:
        pytest.skip("it is a right one here")
    answer = call(method, route, order_id="x", name="x")
    assert (answer.status, answer.body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == answer.body["allow"]
    assert {*answer.headers["Allow"].split(", ")} == {*functions.app.routes[route], "OPTIONS"}
    assert "Access-Control-Allow-Origin" not in answer.headers  # of an open engine, to no page
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_error_of_chalices_own_is_as_every_error(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("a secret detail")

    monkeypatch.setattr("chalicelib.api.http.index", broken)
    answer = call("GET", "/")
    assert (answer.status, answer.body["code"]) == (500, "INTERNAL_ERROR")
    assert "Access-Control-Allow-Origin" not in answer.headers  # of an open engine, to no page
    assert answer.headers["Vary"] == "Origin"
    assert "secret" not in json.dumps(answer.body)


def test_a_get_of_the_sockets_path_says_how_to_upgrade(engine: MemoryEngine) -> None:
    answer = call("GET", "/api/orders/execute")
    assert (answer.status, answer.body["code"]) == (426, "UPGRADE_REQUIRED")
    assert (answer.headers["Upgrade"], answer.headers["Sec-WebSocket-Version"]) == ("websocket", "13")


def test_a_get_with_an_order_in_its_body_says_that_orders_are_submitted_by_post(engine: MemoryEngine) -> None:
    answer = call("GET", "/api/orders/execute", body=ORDER)
    assert (answer.status, answer.body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == answer.body["allow"] == "OPTIONS, POST"
    assert not engine.store.rows


REFUSALS = {  # of API Gateway → of the local gateway
    "MISSING_AUTHENTICATION_TOKEN": errors.RouteNotFound,
    "THROTTLED": errors.TooManyRequests,
    "REQUEST_TOO_LARGE": errors.BodyTooLarge,
    "INTEGRATION_TIMEOUT": errors.FunctionTimedOut,
    "DEFAULT_5XX": errors.FunctionFailed,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_local_gateway_refuses_as_the_deployed_one(name: str) -> None:
    rest = load("engine.yaml")["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    deployed = rest["x-amazon-apigateway-gateway-responses"][name]
    ours = Response.refusing(REFUSALS[name](), cors.Origins(needs_keys=True).headers(None, ""))
    assert (ours.status_code, bytes(ours.body).decode()) == (
        deployed["statusCode"],
        deployed["responseTemplates"]["application/json"],
    )
    headers = {
        parameter.removeprefix("gatewayresponse.header.").lower(): value.strip("'")
        for parameter, value in deployed["responseParameters"].items()
    }
    assert headers["access-control-expose-headers"] == ",".join(cors.EXPOSE_HEADERS)
    for header in ("access-control-allow-origin", "access-control-expose-headers", "cache-control"):
        assert ours.headers[header] == headers[header]


# --- Bodies and keys ---


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP", "gzip, identity"])
def test_a_coded_body_is_refused_and_its_coding_named(engine: MemoryEngine, coding: str) -> None:
    answer = submit(gzip.compress(ORDER), headers={"Content-Encoding": coding})
    assert (answer.status, answer.body["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert coding.lower() in answer.body["error"]
    assert not engine.store.rows


def test_a_body_that_says_it_is_not_coded_is_read(engine: MemoryEngine) -> None:
    assert submit(headers={"Content-Encoding": "identity"}).status == 202


@pytest.mark.parametrize(
    ("bare", "quoted"), [("k", '"k"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), ("a b", '"a b"')]
)
def test_a_key_in_quotes_is_the_same_key(engine: MemoryEngine, bare: str, quoted: str) -> None:
    first, second = (submit(headers={"Idempotency-Key": key}) for key in (bare, quoted))
    assert (first.status, second.status) == (202, 200)
    assert second.body["orderId"] == first.body["orderId"]
    assert (
        submit(json.dumps(TERMS | {"clientOrderId": bare}).encode()).body["orderId"] == first.body["orderId"]
    )


@pytest.mark.parametrize("key", ['""', '"', '"k', 'k"', '"a"b"', '"' + "k" * 65 + '"'])
def test_quotes_that_do_not_enclose_a_key_are_part_of_it_or_refused(engine: MemoryEngine, key: str) -> None:
    answer = submit(headers={"Idempotency-Key": key})
    if key in ('""', '"' + "k" * 65 + '"'):
        assert (answer.status, answer.body["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    else:
        [row] = engine.store.rows.values()
        assert (answer.status, row.order.client_order_id) == (202, key)


@pytest.mark.parametrize("names", [("Idempotency-Key",), ("Idempotency-Key", "idempotency-key")])
@pytest.mark.parametrize("keys", [("a", "b"), ("a", "a")])
def test_two_keys_are_refused(
    engine: MemoryEngine, names: tuple[str, ...], keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {names[0]: list(keys)} if len(names) == 1 else {names[0]: [keys[0]], names[1]: [keys[1]]}
    event = {
        "httpMethod": "POST",
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": headers,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"httpMethod": "POST", "resourcePath": "/api/orders/execute"},
        "body": ORDER.decode(),
    }
    answer = functions.app(event, None)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == "INVALID_IDEMPOTENCY_KEY"
    assert not engine.store.rows


# --- Lists ---


def listed(**query: str) -> Any:
    return call("GET", "/api/orders", query={name: [value] for name, value in query.items()}).body


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
def test_the_last_page_has_no_next(engine: MemoryEngine, limit: int) -> None:
    ids = [submit().body["orderId"] for _ in range(6)]
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    pages = 0
    while page["next"] is not None:
        page = listed(limit=str(limit), **({"cursor": page["next"]} if page["next"] else {}))
        found += [order["orderId"] for order in page["orders"]]
        pages += 1
    assert found == ids[::-1]
    assert pages == -(-6 // limit)


def test_an_order_is_found_by_its_key(engine: MemoryEngine) -> None:
    order_id = submit(headers={"Idempotency-Key": "k 1"}).body["orderId"]
    submit(headers={"Idempotency-Key": "other"})
    found = listed(clientOrderId="k 1")
    assert ([order["orderId"] for order in found["orders"]], found["next"]) == ([order_id], None)
    assert listed(clientOrderId="k 1", status="pending", limit="1")["orders"]
    for query in ({"clientOrderId": "none"}, {"clientOrderId": "k 1", "status": "failed"}):
        assert listed(**query) == {"orders": [], "next": None}
    assert listed(clientOrderId="")["code"] == "INVALID_IDEMPOTENCY_KEY"


# --- Messages on a connection ---


def say(engine: MemoryEngine, **message: object) -> Any:
    engine.redis.connections[0].add("socket")
    socket_event("message", json.dumps(message))
    return engine.push.frames["socket"][-1]


@pytest.mark.parametrize("given", [1, 0, -7, 2**53 - 1, "a", "x" * 64, "17 / b"])
def test_an_answer_repeats_the_messages_id(engine: MemoryEngine, given: object) -> None:
    order_id = submit().body["orderId"]
    for message in (
        {"action": "ping"},
        {"action": "subscribe", "orderId": order_id},
        {"action": "unsubscribe", "orderId": order_id},
        TERMS,
        {"action": "dance"},
        {"action": "subscribe", "orderId": "me"},
        {**TERMS, "tokenOut": "DOGE"},
        {"action": "subscribe", "orderId": "00000000-0000-0000-0000-000000000001"},
    ):
        assert say(engine, **message, id=given)["id"] == given
        assert "id" not in say(engine, **message)


@pytest.mark.parametrize("given", [1.5, True, ["a"], "", "x" * 65, "é", 2**53])
def test_an_id_that_is_none_is_refused(engine: MemoryEngine, given: object) -> None:
    answer = say(engine, action="ping", id=given)
    assert (answer["code"], answer["field"]) == ("INVALID_TYPE", "id")


def test_a_submit_on_a_connection_says_its_key_and_whether_it_is_a_replay(engine: MemoryEngine) -> None:
    first, second = (say(engine, **TERMS, clientOrderId="key") for _ in range(2))
    assert [(answer["clientOrderId"], answer["replayed"]) for answer in (first, second)] == [
        ("key", False),
        ("key", True),
    ]
    assert say(engine, **TERMS)["replayed"] is False
    conflict = say(engine, **TERMS | {"amount": 2}, clientOrderId="key")
    assert (conflict["code"], conflict["clientOrderId"]) == ("IDEMPOTENCY_CONFLICT", "key")
    assert say(engine, **TERMS | {"amount": 0}, clientOrderId="other")["clientOrderId"] == "other"


def test_an_id_is_no_field_of_an_order_over_http(engine: MemoryEngine) -> None:
    answer = submit(json.dumps(TERMS | {"id": 1}).encode())
    assert (answer.status, answer.body["field"]) == (400, "id")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("order-engine.v1", True),
        ("graphql-ws, order-engine.v1", True),
        ("graphql-ws", False),
        (None, False),
    ],
)
def test_our_subprotocol_is_chosen_if_it_is_offered(
    engine: MemoryEngine, offered: str | None, chosen: bool
) -> None:
    functions.app.websocket_api.configure("127.0.0.1", "local")
    event = {
        "headers": {"Sec-WebSocket-Protocol": offered} if offered else {},
        "requestContext": {
            "apiId": "api",
            "stage": "local",
            "domainName": "api.example",
            "connectionId": "socket",
            "identity": {"sourceIp": "127.0.0.1"},
        },
    }
    answer = functions.on_ws_connect(event, None)
    assert answer["statusCode"] == 200
    expected = {"Sec-WebSocket-Protocol": "order-engine.v1"} if chosen else {}
    assert answer.get("headers", {}) == expected
