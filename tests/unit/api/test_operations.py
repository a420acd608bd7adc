"""What operators are shown and may do over HTTP, and prices; over servers in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from chalicelib import runtime
from chalicelib.domain.account import Scope
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.tokens import Token
from chalicelib.ports.activity import Recent

from tests.fakes import MemoryEngine, MemoryVenue
from tests.rest import Answer, call, submit

PEPPER = "a pepper of some thirty-two characters"
UNKNOWN = "22222222-2222-4222-8222-222222222222"
PAIR = {"tokenIn": ["SOL"], "tokenOut": ["USDC"]}
NOT_ADMIN = tuple(scope for scope in Scope if scope is not Scope.ADMIN)


class PricedVenue(MemoryVenue):
    """A venue that knows what a SOL has cost."""

    async def recent_prices(
        self, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> list[Decimal]:
        return [Decimal("0.15"), Decimal("0.1501")]  # base units for a base unit


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    engine = MemoryEngine(orders_dlq_url="https://queue")
    engine.raydium = PricedVenue("raydium")
    with engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        yield engine


def failed(engine: MemoryEngine) -> str:
    """The id of an order that has failed, with its dead letter."""
    order_id = str(submit().body["orderId"])
    row = engine.store.rows[order_id]
    row.order = replace(row.order, status=Status.FAILED, error="Too little.", code="SLIPPAGE_EXCEEDED")
    engine.dead_letters.put(json.dumps({"orderId": order_id}), order_id)
    return order_id


def redrive(body: object, headers: Mapping[str, str] | None = None) -> Answer:
    return call("POST", "/api/dead-letters/redrive", json.dumps(body).encode(), headers=headers or {})


def test_the_engine_is_shown_at_a_glance(engine: MemoryEngine) -> None:
    submit()
    engine.dead_letters.put("{}")
    engine.activity.found = Recent(
        60,
        {Status.CONFIRMED: 3, Status.FAILED: 1},
        (100.0, 200.0, 300.08),
        {Status.PENDING: 10.0},
    )
    answer = call("GET", "/api/engine")
    assert answer.status == 200
    assert answer.body == {
        "status": "ok",
        "parts": {"database": "ok", "redis": "ok", "queue": "ok"},
        "queue": {"waiting": 1, "inFlight": 0, "delayed": 0},
        "deadLetters": 1,
        "orders": {"open": 0, "pending": 1, "routing": 0, "building": 0, "submitted": 0},
        "recent": {
            "seconds": 60,
            "submitted": 4,
            "confirmed": 3,
            "failed": 1,
            "cancelled": 0,
            "expired": 0,
            "perSecond": 0.05,
            "confirmMs": {"p50": 100.0, "p90": 200.0, "p99": 300.1},
            "stepMs": {"pending": 10.0},
        },
    }


def test_a_part_whose_server_is_away_is_null_and_the_others_are_shown(engine: MemoryEngine) -> None:
    engine.queue.unavailable = True
    answer = call("GET", "/api/engine")
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["parts"] == {"database": "ok", "redis": "ok", "queue": "unavailable"}
    assert answer.body["queue"] is None
    assert answer.body["recent"]["confirmMs"] is None


def test_dead_letters_are_listed_with_their_orders_and_stay(engine: MemoryEngine) -> None:
    order_id = failed(engine)
    engine.dead_letters.put("what is this")
    for _ in range(2):
        found = call("GET", "/api/dead-letters").body
        assert found["total"] == 2
        [letter, poison] = found["deadLetters"]
        assert (letter["orderId"], letter["status"], letter["code"]) == (
            order_id,
            "failed",
            "SLIPPAGE_EXCEEDED",
        )
        assert (poison["orderId"], poison["status"], poison["body"]) == (None, None, "what is this")


def test_a_limit_bounds_the_dead_letters_and_not_their_number(engine: MemoryEngine) -> None:
    for _ in range(5):
        engine.dead_letters.put("{}")
    found = call("GET", "/api/dead-letters", query={"limit": ["2"]}).body
    assert (len(found["deadLetters"]), found["total"]) == (2, 5)


def test_failed_orders_are_redriven_and_others_are_not(engine: MemoryEngine) -> None:
    order_id, pending = failed(engine), str(submit().body["orderId"])
    answer = redrive({"orderIds": [order_id, pending, UNKNOWN]})
    assert answer.status == 200
    assert answer.body["results"] == [
        {"orderId": order_id, "redriven": True},
        {"orderId": pending, "redriven": False, "reason": "It is pending."},
        {"orderId": UNKNOWN, "redriven": False, "reason": "There is no such order."},
    ]
    assert engine.store.rows[order_id].order.status is Status.PENDING
    assert not engine.dead_letters.by_id


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"orderIds": []}, "INVALID_PARAMETER"),
        ({"orderIds": "all"}, "INVALID_PARAMETER"),
        ({"orderIds": [UNKNOWN] * 101}, "INVALID_PARAMETER"),
        ({"orderIds": [UNKNOWN], "all": True}, "INVALID_PARAMETER"),
        ({"orderIds": ["an order"]}, "INVALID_ORDER_ID"),
        ([], "NOT_AN_OBJECT"),
    ],
)
def test_a_wrong_redrive_is_refused(engine: MemoryEngine, body: object, code: str) -> None:
    answer = redrive(body)
    assert (answer.status, answer.body["code"]) == (400, code)


def test_prices_are_tokens_out_for_one_token_in(engine: MemoryEngine) -> None:
    found = call("GET", "/api/prices", query={**PAIR, "everyMs": ["500"], "count": ["2"]}).body
    assert (found["tokenIn"], found["tokenOut"], found["everyMs"]) == ("SOL", "USDC", 500)
    assert found["venues"]["raydium"] == {"prices": ["150", "150.1"]}
    assert found["venues"]["meteora"]["code"] == "VENUE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"tokenIn": ["SOL"]}, "MISSING_FIELD"),
        ({"tokenIn": ["SOL"], "tokenOut": ["SOL"]}, "SAME_TOKEN"),
        ({"tokenIn": ["SOL"], "tokenOut": ["GOLD"]}, "UNKNOWN_TOKEN"),
        ({**PAIR, "everyMs": ["1"]}, "INVALID_PARAMETER"),
        ({**PAIR, "count": ["0"]}, "INVALID_PARAMETER"),
        ({**PAIR, "count": ["601"]}, "INVALID_PARAMETER"),
        ({**PAIR, "amount": ["1"]}, "UNKNOWN_FIELD"),
    ],
)
def test_wrong_prices_are_refused(engine: MemoryEngine, query: dict[str, list[str]], code: str) -> None:
    answer = call("GET", "/api/prices", query=query)
    assert (answer.status // 100, answer.body["code"]) == (4, code)


@pytest.mark.parametrize("path", ["/api/engine", "/api/dead-letters", "/api/dead-letters/redrive"])
def test_only_administrators_are_shown_the_engine(path: str) -> None:
    with MemoryEngine(engine_auth="keys", key_pepper=PEPPER, rate_limit_per_s=0.0) as engine:
        engine.redis.leases[0] = "a relay that serves the shard"
        method, body = ("POST", b"{}") if path.endswith("redrive") else ("GET", b"")
        made = runtime.run(runtime.current().key_management.create("alice", "test", NOT_ADMIN))
        key = {"Authorization": f"Bearer {made.text}"}
        assert call(method, path, body, headers=key).status == 403
        assert call(method, path, body).status == 401
