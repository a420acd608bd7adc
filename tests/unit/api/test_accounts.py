"""An engine that takes API keys: which requests it takes, and what it answers about other accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import app as functions
import pytest
from chalicelib import runtime
from chalicelib.domain.account import Scope
from chalicelib.logs import found_in
from chalicelib.ports.rates import Rate
from chalicelib.services.limits import Limits

from tests.fakes import MemoryEngine, MemoryRates
from tests.rest import HERE, Answer, call, socket_event, submit

PEPPER = "a pepper of some thirty-two characters"
ORDER: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
FAR = ORDER | {"type": "limit", "limitPrice": "1000000"}
UNKNOWN = "22222222-2222-4222-8222-222222222222"
ALL = tuple(Scope)


class Engine(MemoryEngine):
    """An engine that takes keys; `key(account, scopes)` makes one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(engine_auth="keys", key_pepper=PEPPER, **settings)
        self.rates = MemoryRates()

    def __enter__(self) -> Engine:
        super().__enter__()
        limits = Limits(self.rates, Rate(per_s=0.1, burst=self._config.rate_burst))
        vars(runtime.current()).update(limits=limits)
        return self

    def key(self, account: str, *scopes: str) -> dict[str, str]:
        """The headers of a caller with a new key."""
        made = runtime.run(runtime.current().key_management.create(account, "test", scopes or ALL))
        return {"Authorization": f"Bearer {made.text}"}

    def frames(self, connection: str) -> Any:
        return self.push.frames[connection]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        yield engine


def place(headers: Mapping[str, str], terms: Mapping[str, object] = ORDER, **more: object) -> str:
    answer = submit(json.dumps({**terms, **more}).encode(), headers=headers)
    assert answer.status == 202, answer.body
    return str(answer.body["orderId"])


ROUTES = {
    "submit": lambda headers: submit(json.dumps(ORDER).encode(), headers=headers),
    "batch": lambda headers: call(
        "POST", "/api/orders/batch", json.dumps({"orders": [ORDER]}).encode(), headers=headers
    ),
    "cancel": lambda headers: call("DELETE", "/api/orders/{order_id}", order_id=UNKNOWN, headers=headers),
    "cancel all": lambda headers: call("DELETE", "/api/orders", headers=headers),
    "list": lambda headers: call("GET", "/api/orders", headers=headers),
    "show": lambda headers: call("GET", "/api/orders/{order_id}", order_id=UNKNOWN, headers=headers),
    "tokens": lambda headers: call("GET", "/api/tokens", headers=headers),
    "quote": lambda headers: call(
        "GET",
        "/api/quote",
        headers=headers,
        query={"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"]},
    ),
    "ticket": lambda headers: call("POST", "/api/tickets", headers=headers),
}
WRITING = {"submit", "batch", "cancel", "cancel all"}


def nothing_is_stored(engine: Engine) -> bool:
    return (engine.store.rows, engine.queue.sent, engine.store.keys) == ({}, [], {})


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer oek_000000000000_" + "A" * 43},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"x-api-key": "oek_000000000000_" + "A" * 43},
        {"x-api-key": "letmein"},
    ],
    ids=str,
)
def test_a_request_without_a_valid_key_is_refused_and_nothing_is_stored(
    engine: Engine, route: str, headers: dict[str, str]
) -> None:
    answer = ROUTES[route](headers)
    assert (answer.status, answer.body["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert nothing_is_stored(engine)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("scope", Scope)
def test_a_route_takes_the_scope_that_it_needs(engine: Engine, route: str, scope: Scope) -> None:
    answer = ROUTES[route](engine.key("alice", scope))
    needed = Scope.ORDERS_WRITE if route in WRITING else Scope.ORDERS_READ
    if scope == needed:
        assert answer.status in (200, 201, 202, 404)
    else:
        assert (answer.status, answer.body["code"], answer.body["scope"]) == (403, "MISSING_SCOPE", needed)
        assert nothing_is_stored(engine)


def test_a_key_comes_in_either_header_and_two_that_differ_are_refused(engine: Engine) -> None:
    bearer = engine.key("alice")
    key, other = (headers["Authorization"].split()[1] for headers in (bearer, engine.key("alice")))
    for headers in (bearer, {"x-api-key": key}, {"authorization": f"bearer {key}", "X-Api-Key": key}):
        assert call("GET", "/api/orders", headers=headers).status == 200
    assert call("GET", "/api/orders", headers=bearer | {"x-api-key": other}).status == 401


def test_what_belongs_to_another_account_is_answered_as_what_there_is_not(engine: Engine) -> None:
    alice, bob = engine.key("alice"), engine.key("bob")
    theirs = place(alice, FAR, clientOrderId="key")

    def of(order_id: str) -> list[Answer]:
        return [
            call("GET", "/api/orders/{order_id}", order_id=order_id, headers=bob),
            call("DELETE", "/api/orders/{order_id}", order_id=order_id, headers=bob),
            call(
                "POST",
                "/api/tickets",
                json.dumps({"orderId": order_id}).encode(),
                headers=bob,
            ),
        ]

    for answer, unknown in zip(of(theirs), of(UNKNOWN), strict=True):
        assert answer.status == unknown.status == 404
        assert json.dumps(answer.body).replace(theirs, UNKNOWN) == json.dumps(unknown.body)
    assert call("GET", "/api/orders", headers=bob).body["orders"] == []
    assert call("GET", "/api/orders", headers=bob, query={"clientOrderId": ["key"]}).body["orders"] == []
    assert call("DELETE", "/api/orders", headers=bob).body == {"cancelled": []}
    assert call("GET", "/api/orders/{order_id}", order_id=theirs, headers=alice).body["status"] == "open"
    own = place(bob, ORDER, clientOrderId="key")
    assert own != theirs
    assert [order["orderId"] for order in call("GET", "/api/orders", headers=bob).body["orders"]] == [own]


def test_a_cursor_of_another_account_shows_nothing_of_it(engine: Engine) -> None:
    alice, bob = engine.key("alice"), engine.key("bob")
    for _ in range(3):
        place(alice)
    cursor = call("GET", "/api/orders", headers=alice, query={"limit": ["1"]}).body["next"]
    assert call("GET", "/api/orders", headers=bob, query={"cursor": [cursor]}).body["orders"] == []


def test_orders_under_way_are_counted_by_account(engine: Engine) -> None:
    alice, bob = engine.key("alice"), engine.key("bob")
    for headers in (alice, bob):
        place(headers)
    assert {row.client for row in engine.store.rows.values()} == {"alice", "bob"}


def test_a_revoked_key_is_refused_at_the_next_request(engine: Engine) -> None:
    headers = engine.key("alice")
    assert call("GET", "/api/orders", headers=headers).status == 200
    [key_id] = engine.keys.rows
    runtime.run(runtime.current().key_management.revoke(key_id))
    assert call("GET", "/api/orders", headers=headers).status == 401


def test_no_request_is_taken_while_the_store_of_keys_is_away(engine: Engine) -> None:
    headers = engine.key("alice")
    engine.keys.unavailable = True
    answer = submit(json.dumps(ORDER).encode(), headers=headers)
    assert (answer.status, answer.body["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert nothing_is_stored(engine)


def test_health_tells_administrators_the_parts_and_others_whether_all_is_well(engine: Engine) -> None:
    for headers in ({}, engine.key("alice", Scope.ORDERS_READ), {"Authorization": "Bearer no"}):
        assert list(call("GET", "/health", headers=headers).body) == ["status"]
    assert "database" in call("GET", "/health", headers=engine.key("root", Scope.ADMIN)).body


def test_the_document_says_that_keys_are_needed(engine: Engine) -> None:
    document = call("GET", "/openapi.json").body
    assert document["paths"]["/api/orders"]["get"]["security"] == [{"bearer": []}, {"apiKey": []}]
    engine.__exit__()
    with MemoryEngine():
        document = call("GET", "/openapi.json").body
        assert document["paths"]["/api/orders"]["get"]["security"][0] == {}
    engine.__enter__()


# --- Limits ---


def test_an_answer_says_how_many_requests_are_left_and_one_too_many_when_to_come_again() -> None:
    with Engine(rate_burst=3) as engine:
        alice, bob = engine.key("alice"), engine.key("bob")
        answers = [call("GET", "/api/orders", headers=alice, client=str(n)) for n in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers.get("RateLimit-Remaining") for answer in answers] == ["2", "1", "0", None]
        assert answers[0].headers["RateLimit-Limit"] == "3"
        assert int(answers[0].headers["RateLimit-Reset"]) == 10
        assert (answers[3].body["code"], answers[3].headers["Retry-After"]) == ("TOO_MANY_REQUESTS", "10")
        assert call("GET", "/api/orders", headers=bob, client="5").status == 200
        assert "RateLimit-Limit" not in call("GET", "/").headers


def test_an_address_that_guesses_keys_too_fast_does_not_learn_whether_it_has_found_one() -> None:
    with Engine(rate_burst=3) as engine:
        guess = {"x-api-key": "oek_000000000000_" + "A" * 43}
        for _ in range(3):
            assert call("GET", "/api/orders", headers=guess).status == 401
        for headers in (guess, engine.key("alice")):
            assert call("GET", "/api/orders", headers=headers).status == 429
        assert call("GET", "/api/orders", headers=engine.key("alice"), client="elsewhere").status == 200


def test_without_redis_requests_are_not_limited() -> None:
    with Engine(rate_burst=1) as engine:
        headers = engine.key("alice")
        engine.rates.unavailable = True
        assert [call("GET", "/api/orders", headers=headers).status for _ in range(3)] == [200] * 3


def test_a_connection_and_its_messages_count_as_requests_of_their_account() -> None:
    with Engine(rate_burst=4) as engine:
        alice, bob = engine.key("alice"), engine.key("bob")
        assert opened("hers", headers=alice, client="1") == {"statusCode": 200}
        assert opened("his", headers=bob, client="2") == {"statusCode": 200}
        assert send(engine, "hers", action="ping") == {"action": "pong"}
        assert send(engine, "hers", **ORDER)["status"] == "pending"
        assert call("GET", "/api/orders", headers=alice, client="3").status == 200
        refused = send(engine, "hers", **ORDER, id=7)
        assert (refused["code"], refused["retryAfter"], refused["id"]) == ("TOO_MANY_REQUESTS", 10, 7)
        over_http = call("GET", "/api/orders", headers=alice, client="3")
        assert (over_http.status, over_http.body["retryAfter"]) == (429, refused["retryAfter"])
        assert refusal(opened("another", headers=alice, client="4")) == (429, "TOO_MANY_REQUESTS")
        assert len(engine.store.rows) == 1
        assert engine.redis.clients["alice"] == {"hers"}
        assert send(engine, "his", action="ping") == {"action": "pong"}


def test_an_address_that_guesses_tickets_too_fast_is_refused_at_the_handshake() -> None:
    with Engine(rate_burst=3) as engine:
        for _ in range(3):
            assert refusal(opened("guess", "wss://x?ticket=guessed"))[0] == 401
        url = ticket(engine.key("alice"), client="elsewhere")
        assert refusal(opened("guess", url)) == (429, "TOO_MANY_REQUESTS")


def test_subscriptions_are_limited_by_account_over_all_its_connections() -> None:
    with Engine(max_subscriptions_per_account=2) as engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        alice, bob = engine.key("alice"), engine.key("bob")
        for connection, headers in (("one", alice), ("two", alice), ("his", bob)):
            opened(connection, headers=headers)
        send(engine, "one", **ORDER)
        second, third, his = place(alice), place(alice), place(bob)
        assert send(engine, "two", action="subscribe", orderId=second)["action"] == "subscribed"
        for connection in ("one", "two"):
            refused = send(engine, connection, action="subscribe", orderId=third)
            assert (refused["code"], refused["limit"]) == ("TOO_MANY_SUBSCRIPTIONS", 2)
        assert send(engine, "his", action="subscribe", orderId=his)["action"] == "subscribed"
        socket_event("disconnect", connection="one")
        assert send(engine, "two", action="subscribe", orderId=third)["action"] == "subscribed"


def test_without_redis_messages_are_not_limited() -> None:
    with Engine(rate_burst=1) as engine:
        engine.redis.leases[0] = "a relay"
        opened("open", headers=engine.key("alice"))
        engine.rates.unavailable = True
        assert [send(engine, "open", action="ping") for _ in range(3)] == [{"action": "pong"}] * 3


# --- Sockets ---


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def opened(
    connection: str, url: str = "", headers: Mapping[str, str] | None = None, client: str = HERE
) -> Any:
    query = query_of(url) or None
    return socket_event("connect", connection=connection, query=query, headers=headers, client=client)


def refusal(answer: Any) -> tuple[int, str]:
    return answer["statusCode"], json.loads(answer["body"])["code"]


def send(engine: Engine, connection: str, **message: object) -> Any:
    socket_event("message", json.dumps(message), connection=connection)
    return engine.frames(connection)[-1]


def ticket(headers: Mapping[str, str], client: str = HERE, **body: object) -> str:
    answer = call("POST", "/api/tickets", json.dumps(body).encode(), headers=headers, client=client)
    assert answer.status == 201
    return str(answer.body["websocket"])


def test_a_submits_address_opens_one_connection_for_its_order(engine: Engine) -> None:
    headers = engine.key("alice")
    answer = submit(json.dumps(FAR).encode(), headers=headers)
    mine, other, url = answer.body["orderId"], place(headers), answer.body["websocket"]
    assert opened("first", url) == {"statusCode": 200}
    assert refusal(opened("second", url)) == (401, "INVALID_TICKET")
    assert set(engine.redis.subscriptions[0]) == {("first", mine)}
    assert send(engine, "first", action="subscribe", orderId=mine)["action"] == "subscribed"
    assert send(engine, "first", action="subscribe", orderId=other)["code"] == "ORDER_NOT_FOUND"
    assert send(engine, "first", action="cancel", orderId=mine)["code"] == "MISSING_SCOPE"
    assert send(engine, "first", **ORDER)["code"] == "MISSING_SCOPE"
    assert send(engine, "first", action="ping") == {"action": "pong"}


def test_a_ticket_for_all_or_a_key_in_the_header_opens_a_connection_of_the_account(engine: Engine) -> None:
    alice, bob = engine.key("alice"), engine.key("bob")
    theirs = place(bob, FAR)
    assert opened("ticket", ticket(alice)) == {"statusCode": 200}
    assert opened("header", headers=alice) == {"statusCode": 200}
    for connection in ("ticket", "header"):
        placed = send(engine, connection, **FAR)
        assert placed["status"] == "open"
        assert engine.store.rows[placed["orderId"]].order.account.id == "alice"
        assert send(engine, connection, action="cancel", orderId=placed["orderId"])["action"] == "cancelled"
        for action in ("subscribe", "cancel"):
            assert send(engine, connection, action=action, orderId=theirs)["code"] == "ORDER_NOT_FOUND"
    assert engine.redis.clients["alice"] == {"ticket", "header"}
    socket_event("disconnect", connection="ticket")
    assert engine.redis.clients["alice"] == {"header"}


def test_a_connection_without_a_ticket_or_a_key_is_refused_and_not_registered(engine: Engine) -> None:
    order_id = place(engine.key("alice"))
    for url in ("wss://x", f"wss://x?orderId={order_id}", f"wss://x?orderId={order_id}&ticket="):
        assert refusal(opened("stranger", url))[0] == 401
    swapped = ticket(engine.key("alice"), orderId=order_id).replace(order_id, place(engine.key("bob")))
    assert refusal(opened("stranger", swapped)) == (404, "ORDER_NOT_FOUND")
    assert not any(engine.redis.connections.values())


def test_a_ticket_of_a_revoked_key_is_refused(engine: Engine) -> None:
    headers = engine.key("alice")
    url = ticket(headers)
    assert opened("open", headers=headers) == {"statusCode": 200}
    [key_id] = engine.keys.rows
    runtime.run(runtime.current().key_management.revoke(key_id))
    assert refusal(opened("late", url)) == (401, "UNAUTHENTICATED")
    assert send(engine, "open", **ORDER)["code"] == "UNAUTHENTICATED"
    assert engine.store.rows == {}


def test_a_silent_registry_lets_no_connection_act(engine: Engine) -> None:
    headers = engine.key("alice")
    opened("open", headers=headers)
    engine.redis.unavailable = True
    assert send(engine, "open", **ORDER)["code"] == "TEMPORARILY_UNAVAILABLE"
    assert engine.store.rows == {}


# --- The function that manages keys ---


def manage(**event: object) -> Any:
    return functions.admin(event, None)


def test_the_admin_function_makes_lists_rotates_and_revokes_keys(engine: Engine) -> None:
    made = manage(action="create", account="alice", name="bot", scopes=["orders:read"], expiresInMs=60_000)
    assert call("GET", "/api/orders", headers={"x-api-key": made["key"]}).status == 200
    [shown] = manage(action="list", account="alice")["keys"]
    assert shown["prefix"] == made["prefix"]
    assert "key" not in shown
    assert {"expiresAt", "lastUsedAt"} <= shown.keys()
    rotated = manage(action="rotate", id=made["id"], overlapMs=0)
    assert call("GET", "/api/orders", headers={"x-api-key": made["key"]}).status == 401
    assert call("GET", "/api/orders", headers={"x-api-key": rotated["key"]}).status == 200
    manage(action="revoke", id=rotated["id"])
    assert call("GET", "/api/orders", headers={"x-api-key": rotated["key"]}).status == 401
    assert len(manage(action="list")["keys"]) == 2


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({}, "UNKNOWN_ACTION"),
        ({"action": "drop"}, "UNKNOWN_ACTION"),
        ({"action": "create"}, "MISSING_FIELD"),
        ({"action": "create", "account": 1, "name": "bot", "scopes": ["admin"]}, "UNKNOWN_FIELD"),
        ({"action": "create", "account": "a", "name": "b", "scopes": ["x"]}, "INVALID_SCOPE"),
        (
            {"action": "create", "account": "a", "name": "b", "scopes": ["admin"], "expiresInMs": -1},
            "INVALID_PARAMETER",
        ),
        ({"action": "revoke", "id": "0" * 12}, "KEY_NOT_FOUND"),
        ({"action": "list", "accounts": "a"}, "UNKNOWN_FIELD"),
    ],
    ids=str,
)
def test_a_wrong_request_of_an_administrator_changes_nothing(
    engine: Engine, event: dict[str, object], code: str
) -> None:
    assert manage(**event)["code"] == code
    assert engine.keys.rows == {}


def test_keys_and_tickets_are_in_no_log_line(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    made = manage(action="create", account="alice", name="bot", scopes=list(ALL))
    headers = {"Authorization": f"Bearer {made['key']}"}
    url = ticket(headers)
    opened("open", url)
    opened("again", url)
    send(engine, "open", **ORDER)
    call("GET", "/api/orders", headers={"Authorization": f"Bearer {made['key'][:-1]}"})
    secret = made["key"].split("_", 2)[2]
    for text in (secret, secret[:20], query_of(url)["ticket"][:40]):
        assert text not in caplog.text


def test_a_request_is_one_line_with_its_account_order_and_error(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    key = engine.key("alice")
    caplog.set_level("INFO", "chalicelib.api")
    order_id = place(key)
    assert call("GET", "/api/orders/{order_id}", headers=key, order_id=UNKNOWN).status == 404
    assert call("GET", "/api/orders").status == 401
    fields = [found_in(record) for record in caplog.records]
    assert [
        {name: found.get(name) for name in ("status", "account", "order", "code")} for found in fields
    ] == [
        {"status": 202, "account": "alice", "order": order_id, "code": None},
        {"status": 404, "account": "alice", "order": UNKNOWN, "code": "ORDER_NOT_FOUND"},
        {"status": 401, "account": None, "order": None, "code": "UNAUTHENTICATED"},
    ]
    assert key["Authorization"].split()[1] not in caplog.text
