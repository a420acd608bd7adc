from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from chalicelib.api.wire.codes import status_of
from chalicelib.api.wire.requests import MAX_BODY_BYTES, json_object
from chalicelib.domain.errors import (
    ClaimLost,
    EngineError,
    InvalidRequest,
    NotFound,
    TemporarilyUnavailable,
    TooLarge,
    UnsupportedMediaType,
    VenueUnavailable,
)
from chalicelib.domain.lifecycle import Status

from tests.fakes import MemoryEngine
from tests.rest import ORDER, call, submit
from tests.samples import USDC

UNKNOWN = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


def padded(size: int) -> bytes:
    return ORDER + b" " * (size - len(ORDER))


def test_an_order_is_accepted(engine: MemoryEngine) -> None:
    answer = submit()
    order_id = answer.body["orderId"]
    assert answer.status == 202
    assert answer.body == {
        "orderId": order_id,
        "status": "pending",
        "websocket": f"/api/orders/execute?orderId={order_id}",
    }
    assert engine.queue.sent == list(engine.store.rows) == [order_id]


def test_an_answer_has_the_configured_websocket_url() -> None:
    with MemoryEngine(websocket_url="wss://sockets.example/api"):
        answer = submit()
    assert answer.body["websocket"] == f"wss://sockets.example/api?orderId={answer.body['orderId']}"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", None])
def test_every_content_type_of_json_is_accepted(engine: MemoryEngine, content_type: str | None) -> None:
    assert submit(content_type=content_type).status == 202


def test_a_body_of_128_kb_is_read(engine: MemoryEngine) -> None:
    assert submit(padded(MAX_BODY_BYTES)).status == 202


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "EMPTY_BODY"),
        (b" \n", "application/json", 400, "EMPTY_BODY"),
        (b"tokenIn=SOL", "application/json", 400, "INVALID_JSON"),
        (b"{'tokenIn': 'SOL'}", "application/json", 400, "INVALID_JSON"),
        (ORDER[:-1], "application/json", 400, "INVALID_JSON"),
        (ORDER + ORDER, "application/json", 400, "INVALID_JSON"),
        (
            ORDER.replace(b"1}", b"NaN}"),
            "application/json",
            400,
            "INVALID_JSON",
        ),  # Python's own would take it
        (ORDER.replace(b"1}", b"Infinity}"), "application/json", 400, "INVALID_JSON"),
        (ORDER.replace(b"1}", b"-Infinity}"), "application/json", 400, "INVALID_JSON"),
        (ORDER.replace(b"1}", b"01}"), "application/json", 400, "INVALID_JSON"),
        (ORDER.replace(b"1}", b"1,}"), "application/json", 400, "INVALID_JSON"),
        (ORDER.replace(b"SOL", b"\xff\xfe"), "application/json", 400, "INVALID_JSON"),  # not UTF-8
        (
            ORDER.replace(b"SOL", b"\xed\xa0\x80"),
            "application/json",
            400,
            "INVALID_JSON",
        ),  # half a pair in it
        (ORDER.replace(b"SOL", b"SO\0L"), "application/json", 400, "INVALID_JSON"),  # a bare NUL
        (ORDER + b"\0", "application/json", 400, "INVALID_JSON"),
        (b"\xef\xbb\xbf" + ORDER, "application/json", 202, ""),  # a byte order mark
        (b"\xef\xbb\xbf" * 2 + ORDER, "application/json", 400, "INVALID_JSON"),
        (ORDER.decode().encode("utf-16"), "application/json", 400, "INVALID_JSON"),
        (b"[" * 100_000, "application/json", 400, "INVALID_JSON"),  # deeper than any stack
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "application/json", 400, "INVALID_JSON"),
        (b"[" + ORDER + b"]", "application/json", 400, "NOT_AN_OBJECT"),
        (b"[]", "application/json", 400, "NOT_AN_OBJECT"),
        (b"null", "application/json", 400, "NOT_AN_OBJECT"),
        (b"1", "application/json", 400, "NOT_AN_OBJECT"),
        (b'"text"', "application/json", 400, "NOT_AN_OBJECT"),
        (ORDER.replace(b"1}", b'1, "amount": 2}'), "application/json", 400, "DUPLICATE_KEY"),
        (ORDER.replace(b"1}", b'1, "x": {"y": 1, "y": 2}}'), "application/json", 400, "DUPLICATE_KEY"),
        (ORDER.replace(b"1}", b'1, "\\u0061mount": 2}'), "application/json", 400, "DUPLICATE_KEY"),  # escaped
        (ORDER.replace(b"1}", b"1e400}"), "application/json", 409, "AMOUNT_TOO_LARGE"),
        (ORDER.replace(b"1}", b"1e99999999999999999999}"), "application/json", 400, "INVALID_AMOUNT"),
        (ORDER.replace(b"1}", b"9" * 100_000 + b"}"), "application/json", 400, "INVALID_AMOUNT"),
        (ORDER.replace(b"1}", b"true}"), "application/json", 400, "INVALID_TYPE"),
        (ORDER.replace(b"USDC", b"SOL"), "application/json", 409, "SAME_TOKEN"),
        (padded(MAX_BODY_BYTES + 1), "application/json", 413, "BODY_TOO_LARGE"),
        (padded(129 * 1024), "application/json", 413, "BODY_TOO_LARGE"),
        (ORDER, "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (ORDER, "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (ORDER, "application/jsonp", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (ORDER, "", 202, ""),  # as good as none
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_body_gets_its_status_and_code_and_leaves_nothing_behind(
    engine: MemoryEngine, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = submit(body, content_type=content_type)
    assert (answer.status, answer.body.get("code", "")) == (status, code)
    if code:
        assert answer.body["error"].endswith(".")
        assert (engine.store.rows, engine.queue.sent, engine.events.published) == ({}, [], [])


def test_numbers_come_as_decimals_and_never_as_floats() -> None:
    assert json_object(b'{"a": 0.1, "b": 1, "c": [1e2]}') == {
        "a": Decimal("0.1"),
        "b": Decimal(1),
        "c": [Decimal("1e2")],
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest(code="INVALID_AMOUNT"), 400),
        (InvalidRequest(code="SAME_TOKEN"), 409),
        (NotFound(), 404),
        (TooLarge(), 413),
        (UnsupportedMediaType(), 415),
        (VenueUnavailable(), 409),
        (TemporarilyUnavailable(), 503),
        (ClaimLost(), 500),
        (EngineError(), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_family_of_errors_has_its_status(error: EngineError, status: int) -> None:
    assert status_of(error.code) == status


def test_an_unavailable_store_is_503_with_retry_after(engine: MemoryEngine) -> None:
    engine.store.unavailable = True
    answer = submit()
    assert (answer.status, answer.body["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unexpected_error_is_500_and_reveals_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(engine.store, "create", broken)
    answer = submit()
    assert (answer.status, answer.body["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in json.dumps(answer.body)


def test_an_order_is_shown_with_its_events(engine: MemoryEngine) -> None:
    order_id = submit().body["orderId"]
    answer = call("GET", "/api/orders/{order_id}", order_id=order_id.upper())
    assert answer.status == 200
    assert answer.body["orderId"] == order_id
    assert [event["seq"] for event in answer.body["events"]] == [1]
    assert answer.body["websocket"].endswith(order_id)


@pytest.mark.parametrize(
    ("order_id", "status", "code"),
    [(UNKNOWN, 404, "ORDER_NOT_FOUND"), ("17", 400, "INVALID_ORDER_ID"), ("\0", 400, "INVALID_ORDER_ID")],
)
def test_an_unknown_order_is_not_found(engine: MemoryEngine, order_id: str, status: int, code: str) -> None:
    answer = call("GET", "/api/orders/{order_id}", order_id=order_id)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_orders_are_listed_newest_first_page_by_page(engine: MemoryEngine) -> None:
    submitted = [submit().body["orderId"] for _ in range(7)]
    listed, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = call(
            "GET", "/api/orders", query={"limit": ["3"]} | ({"cursor": [cursor]} if cursor else {})
        ).body
        listed += [order["orderId"] for order in page["orders"]]
        cursor, pages = page["next"], pages + 1
    assert listed == submitted[::-1]
    assert pages == 3


def test_orders_are_listed_by_status(engine: MemoryEngine) -> None:
    first, second = (submit().body["orderId"] for _ in range(2))
    engine.store.append(first, Status.ROUTING)
    for status, expected in (("routing", [first]), ("pending", [second]), ("failed", [])):
        page = call("GET", "/api/orders", query={"status": [status]}).body
        assert [order["orderId"] for order in page["orders"]] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": ["limit"]}, [1]),
        ({"type": ["limit,market"]}, [2, 1, 0]),
        ({"type": ["stop"]}, []),
        ({"tokenIn": ["SOL"]}, [1, 0]),
        ({"tokenIn": [USDC.mint], "tokenOut": ["SOL"]}, [2]),
        ({"from": ["2000-01-31T12:00:00Z"], "to": ["2999-01-31t12:00:00.123456+02:00"]}, [2, 1, 0]),
        ({"to": ["2000-01-31T12:00:00Z"]}, []),
        ({"from": ["2999-01-31T12:00:00Z"]}, []),
        ({"type": ["limit"], "status": ["open"], "tokenIn": ["SOL"]}, [1]),
    ],
)
def test_orders_are_listed_by_type_pair_and_time(
    engine: MemoryEngine, query: dict[str, list[str]], expected: list[int]
) -> None:
    bodies: list[dict[str, object]] = [
        {"tokenIn": "SOL", "tokenOut": "USDC"},
        {"tokenIn": "SOL", "tokenOut": "USDC", "type": "limit", "limitPrice": 1000},
        {"tokenIn": "USDC", "tokenOut": "SOL"},
    ]
    made = [
        submit(json.dumps({"amount": 1, "clientOrderId": f"{n}"} | body).encode())
        for n, body in enumerate(bodies)
    ]
    ids = [answer.body["orderId"] for answer in made]
    page = call("GET", "/api/orders", query=query).body
    assert [ids.index(order["orderId"]) for order in page["orders"]] == expected
    of_key = call("GET", "/api/orders", query=query | {"clientOrderId": ["1"]}).body
    assert [ids.index(order["orderId"]) for order in of_key["orders"]] == [n for n in expected if n == 1]


def cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": ["0"]}, "INVALID_PARAMETER"),
        ({"limit": ["201"]}, "INVALID_PARAMETER"),
        ({"limit": ["-1"]}, "INVALID_PARAMETER"),
        ({"limit": ["ten"]}, "INVALID_PARAMETER"),
        ({"limit": [""]}, "INVALID_PARAMETER"),
        ({"limit": ["٣"]}, "INVALID_PARAMETER"),  # a digit to Python
        ({"limit": ["9" * 5000]}, "INVALID_PARAMETER"),  # more than int() reads
        ({"limit": ["1", "2"]}, "DUPLICATE_KEY"),
        ({"offset": ["1"]}, "UNKNOWN_FIELD"),
        ({"status": ["done"]}, "INVALID_PARAMETER"),
        ({"status": ["PENDING"]}, "INVALID_PARAMETER"),
        ({"type": ["limit,"]}, "INVALID_ORDER_TYPE"),
        ({"type": ["LIMIT"]}, "INVALID_ORDER_TYPE"),
        ({"from": ["yesterday"]}, "INVALID_PARAMETER"),
        ({"to": ["2026-01-31T12:00:00"]}, "INVALID_PARAMETER"),  # in which zone?
        ({"to": ["2026-02-31T12:00:00Z"]}, "INVALID_PARAMETER"),
        ({"cursor": [""]}, "INVALID_PARAMETER"),
        ({"cursor": ["é"]}, "INVALID_PARAMETER"),
        ({"cursor": ["bm90IGpzb24="]}, "INVALID_PARAMETER"),
        ({"cursor": [cursor(5)]}, "INVALID_PARAMETER"),
        ({"cursor": [cursor(["yesterday", UNKNOWN])]}, "INVALID_PARAMETER"),
        ({"cursor": [cursor(["2026-01-01T00:00:00+00:00", "x"])]}, "INVALID_PARAMETER"),
        ({"cursor": [cursor(["2026-01-01T00:00:00", UNKNOWN])]}, "INVALID_PARAMETER"),  # in which zone?
        ({"cursor": [base64.urlsafe_b64encode(b"[" * 5000).decode()]}, "INVALID_PARAMETER"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_parameter_is_named(engine: MemoryEngine, query: dict[str, list[str]], code: str) -> None:
    answer = call("GET", "/api/orders", query=query)
    assert (answer.status, answer.body["code"]) == (400, code)


def test_a_list_of_a_period_without_length_is_409(engine: MemoryEngine) -> None:
    noon = ["2026-01-31T12:00:00Z"]
    answer = call("GET", "/api/orders", query={"from": noon, "to": noon})
    assert (answer.status, answer.body["code"]) == (409, "EMPTY_PERIOD")


@pytest.mark.parametrize("name", ["DOGE", "1" * 33])
def test_orders_of_a_token_that_there_is_not_are_404(engine: MemoryEngine, name: str) -> None:
    for method in ("GET", "DELETE"):
        answer = call(method, "/api/orders", query={"tokenIn": [name]})
        assert (answer.status, answer.body["code"]) == (404, "UNKNOWN_TOKEN")


def test_a_quote_shows_both_venues_and_the_choice(engine: MemoryEngine) -> None:
    query = {"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"], "slippageBps": ["50"]}
    answer = call("GET", "/api/quote", query=query)
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("chosen", "amountOut", "minimumOut", "slippageBps")} == {
        "chosen": "meteora",
        "amountOut": "151",
        "minimumOut": "150.245",
        "slippageBps": 50,
    }
    assert set(answer.body["quotes"]) == {"raydium", "meteora"}
    assert engine.store.rows == {}


@pytest.mark.parametrize("venues", [{"dexes": ["raydium"]}, {"excludeDexes": ["meteora"]}])
def test_a_quote_is_of_the_venues_that_an_order_may_trade_at(
    engine: MemoryEngine, venues: dict[str, list[str]]
) -> None:
    query = {"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"]} | venues
    found = call("GET", "/api/quote", query=query).body
    assert (found["chosen"], [*found["quotes"]], found["dexes"]) == ("raydium", ["raydium"], ["raydium"])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": ["0"]}, 400, "INVALID_AMOUNT"),
        ({"slippageBps": ["0"]}, 400, "INVALID_SLIPPAGE"),
        ({"slippageBps": ["abc"]}, 400, "INVALID_TYPE"),
        ({"side": ["buy"]}, 400, "UNKNOWN_FIELD"),
        ({"amount": ["1", "2"]}, 400, "DUPLICATE_KEY"),
        # what no schema of single parameters can forbid
        ({"tokenOut": ["SOL"]}, 409, "SAME_TOKEN"),
        ({"amount": ["0.0000000001"]}, 409, "AMOUNT_TOO_SMALL"),
        ({"amount": ["1.0000000001"]}, 409, "AMOUNT_TOO_PRECISE"),
        ({"amount": ["1" * 30]}, 409, "AMOUNT_TOO_LARGE"),
        ({"dexes": ["raydium,"]}, 404, "UNKNOWN_DEX"),
        ({"excludeDexes": ["raydium,meteora"]}, 404, "UNKNOWN_DEX"),
    ],
)
def test_a_quote_is_as_strict_as_an_order(
    engine: MemoryEngine, changes: dict[str, list[str]], status: int, code: str
) -> None:
    query = {"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"]} | changes
    answer = call("GET", "/api/quote", query=query)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_a_quote_that_no_venue_gives_is_409_with_the_reason(engine: MemoryEngine) -> None:
    engine.raydium.always = engine.meteora.always = VenueUnavailable("No venue answers.")
    answer = call("GET", "/api/quote", query={"tokenIn": ["SOL"], "tokenOut": ["USDC"], "amount": ["1"]})
    assert (answer.status, answer.body["error"]) == (409, "No venue answers.")
    assert (answer.body["code"], answer.body["docs"]) == ("VENUE_UNAVAILABLE", "docs#VENUE_UNAVAILABLE")


def test_health_names_an_unavailable_server(engine: MemoryEngine) -> None:
    assert call("GET", "/health").body["status"] == "ok"
    engine.queue.unavailable = True
    answer = call("GET", "/health")
    assert answer.status == 503
    assert {name: answer.body[name] for name in ("status", "database", "redis", "queue")} == {
        "status": "degraded",
        "database": "ok",
        "redis": "ok",
        "queue": "unavailable",
    }


def test_the_root_lists_the_endpoints(engine: MemoryEngine) -> None:
    assert "POST /api/orders/execute" in call("GET", "/").body["endpoints"].values()
