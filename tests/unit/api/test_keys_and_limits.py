"""Idempotency keys from header, body and WebSocket message, and the answers at the limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalicelib.domain.lifecycle import Status

from tests.fakes import MemoryEngine
from tests.rest import Answer, socket_event, submit

TERMS: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
LONGEST = "k" * 64
INVALID_KEYS = ["", "k" * 65, "kéy", "tab\tkey", "line\nkey", "nul\0key", "\x7f", "ключ"]


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        yield engine


def body(**more: object) -> bytes:
    return json.dumps(TERMS | more).encode()


def keyed(key: str, **more: object) -> Answer:
    return submit(body(**more), headers={"Idempotency-Key": key})


def send(engine: MemoryEngine, **message: object) -> Any:
    """The answer to a message on an open connection."""
    engine.redis.connections[0].add("socket")
    socket_event("message", json.dumps(message))
    return engine.push.frames["socket"][-1]


@pytest.mark.parametrize("key", ["k", LONGEST, "order 17 / retry?", "~!"])
def test_the_same_key_and_body_get_the_first_order_back_marked_as_a_replay(
    engine: MemoryEngine, key: str
) -> None:
    first, second = keyed(key), keyed(key)
    assert (first.status, second.status) == (202, 200)
    assert second.body == first.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert engine.queue.sent == [first.body["orderId"]]


def test_a_key_in_the_body_and_one_in_the_header_are_the_same_key(engine: MemoryEngine) -> None:
    first = keyed("key")
    assert submit(body(clientOrderId="key")).body == first.body
    assert keyed("key", clientOrderId="key").status == 200
    assert engine.store.rows[first.body["orderId"]].order.client_order_id == "key"


def test_terms_are_compared_and_not_their_spelling(engine: MemoryEngine) -> None:
    keyed("key")
    sol = "So11111111111111111111111111111111111111112"
    for spelling in ({"amount": "1.0"}, {"amount": 1e0}, {"tokenIn": sol}, {"slippageBps": 100}):
        assert keyed("key", **spelling).status == 200


@pytest.mark.parametrize("other", [{"amount": 2}, {"tokenOut": "USDT"}, {"slippageBps": 99}])
def test_the_same_key_with_another_body_is_a_conflict(engine: MemoryEngine, other: dict[str, object]) -> None:
    first, second = keyed("key"), keyed("key", **other)
    assert (second.status, second.body["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert second.body["orderId"] == first.body["orderId"]
    assert len(engine.store.rows) == 1


@pytest.mark.parametrize("key", INVALID_KEYS, ids=ascii)
def test_an_invalid_key_is_refused_in_header_and_body(engine: MemoryEngine, key: str) -> None:
    for answer in (keyed(key), submit(body(clientOrderId=key))):
        assert (answer.status, answer.body["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert engine.store.rows == {}


@pytest.mark.parametrize("value", [None, 17, True, [], {}])
def test_a_key_in_the_body_is_a_string(engine: MemoryEngine, value: object) -> None:
    answer = submit(body(clientOrderId=value))
    assert (answer.status, answer.body["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")


def test_two_keys_that_differ_are_refused(engine: MemoryEngine) -> None:
    answer = keyed("one", clientOrderId="other")
    assert (answer.status, answer.body["code"]) == (409, "IDEMPOTENCY_KEYS_DIFFER")
    assert engine.store.rows == {}


def test_a_refused_body_does_not_use_up_its_key(engine: MemoryEngine) -> None:
    assert keyed("key", amount=-1).status == 400
    assert keyed("key").status == 202


def test_while_the_queue_is_unavailable_a_submit_leaves_nothing_behind(engine: MemoryEngine) -> None:
    engine.queue.unavailable = True
    answer = keyed("key")
    assert (answer.status, answer.body["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert (engine.store.rows, engine.store.log, engine.store.keys) == ({}, {}, {})
    engine.queue.unavailable = False
    assert keyed("key").status == 202


def test_a_key_on_a_connection_gives_the_order_of_the_same_key_over_http(engine: MemoryEngine) -> None:
    first = keyed("key").body
    answer = send(engine, **TERMS, clientOrderId="key")
    assert (answer["orderId"], answer["clientOrderId"], answer["replayed"]) == (first["orderId"], "key", True)
    assert engine.redis.subscriptions[0] == {("socket", first["orderId"]): 0}  # subscribed by the submit
    assert send(engine, **TERMS | {"amount": 2}, clientOrderId="key")["code"] == "IDEMPOTENCY_CONFLICT"
    assert send(engine, **TERMS, clientOrderId="")["code"] == "INVALID_IDEMPOTENCY_KEY"


def test_too_many_outstanding_orders_are_refused_over_http_and_websocket_until_one_ends() -> None:
    with MemoryEngine(max_outstanding_orders=1) as engine:
        engine.redis.leases[0] = "a relay"
        order_id = submit().body["orderId"]
        answer = submit()
        assert (answer.status, answer.body["code"], answer.body["limit"]) == (429, "TOO_MANY_ORDERS", 1)
        assert int(answer.headers["Retry-After"]) > 0
        assert send(engine, **TERMS)["code"] == "TOO_MANY_ORDERS"
        assert submit(client="192.0.2.1").status == 202  # another client
        engine.store.append(order_id, Status.FAILED)
        assert submit().status == 202


def test_too_many_connections_are_refused_at_the_handshake_until_one_closes() -> None:
    with MemoryEngine(max_sockets_per_client=2) as engine:
        for connection in ("a", "b"):
            assert socket_event("connect", connection=connection) == {"statusCode": 200}
        refused = socket_event("connect", connection="c")
        assert (refused["statusCode"], json.loads(refused["body"])["code"]) == (429, "TOO_MANY_CONNECTIONS")
        assert engine.redis.connections[0] == {"a", "b"}
        assert socket_event("connect", connection="d", client="192.0.2.1") == {"statusCode": 200}
        socket_event("disconnect", connection="a")
        assert socket_event("connect", connection="c") == {"statusCode": 200}


def test_too_many_subscriptions_of_a_connection_are_refused_until_one_is_removed() -> None:
    with MemoryEngine(max_subscriptions=2) as engine:
        engine.redis.leases[0] = "a relay"
        first, second, third = (submit().body["orderId"] for _ in range(3))
        for order_id in (first, second, first):  # the first it has already
            assert send(engine, action="subscribe", orderId=order_id)["action"] == "subscribed"
        refused = send(engine, action="subscribe", orderId=third)
        assert (refused["code"], refused["orderId"]) == ("TOO_MANY_SUBSCRIPTIONS", third)
        assert len(engine.push.frames["socket"]) == 4  # it was refused, and not granted before
        send(engine, action="unsubscribe", orderId=first)
        assert send(engine, action="subscribe", orderId=third)["action"] == "subscribed"


def test_an_order_beyond_the_subscription_limit_is_accepted_and_answered_without_a_subscription() -> None:
    with MemoryEngine(max_subscriptions=1) as engine:
        engine.redis.leases[0] = "a relay"
        send(engine, **TERMS)
        refused = send(engine, **TERMS)
        taken = engine.push.frames["socket"][-2]
        assert (refused["code"], refused["orderId"]) == ("TOO_MANY_SUBSCRIPTIONS", taken["orderId"])
        assert engine.queue.sent[-1] == taken["orderId"]
