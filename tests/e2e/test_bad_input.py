"""Every bad request gets its status and code, and leaves neither a row nor a message."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import evidence
from tests.e2e.client import eventually
from tests.e2e.engine import Engine
from tests.e2e.raw import ask

SOL_MINT = "So11111111111111111111111111111111111111112"
LIMIT = 128 * 1024


def order(**changes: Any) -> bytes:
    """A good order but for the changes; a field that is changed to `...` is left out."""
    fields = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def amount(literal: str) -> bytes:
    """An order whose amount is this text, which need not be JSON."""
    return b'{"tokenIn": "SOL", "tokenOut": "USDC", "amount": %s}' % literal.encode()


@pytest.fixture(scope="module")
def at_rest(engine: Engine) -> Engine:
    """The engine with nothing left to do, so that what a bad request adds would be seen."""

    async def waiting() -> int:
        return evidence.count_messages(engine)

    if engine.shows_its_inside:
        asyncio.run(eventually(waiting, lambda messages: messages == 0))
    return engine


@pytest.fixture(autouse=True)
def leaves_nothing(at_rest: Engine) -> Iterator[None]:
    """Whatever a test sends here, there are as many orders and messages as before."""
    if not at_rest.shows_its_inside:
        yield
        return
    orders, messages = evidence.count_orders(at_rest), evidence.count_messages(at_rest)
    yield
    assert (evidence.count_orders(at_rest), evidence.count_messages(at_rest)) == (orders, messages)


TYPES = [
    ('"abc"', "INVALID_AMOUNT"),  # a string, but no number
    ('""', "INVALID_AMOUNT"),
    ('" 1 "', "INVALID_AMOUNT"),
    ('"1,5"', "INVALID_AMOUNT"),
    ('"1_000"', "INVALID_AMOUNT"),
    ('"٣"', "INVALID_AMOUNT"),  # a digit, in Arabic
    ('"0x10"', "INVALID_AMOUNT"),
    ("true", "INVALID_TYPE"),
    ("null", "INVALID_TYPE"),
    ("[1]", "INVALID_TYPE"),
    ('{"value": 1}', "INVALID_TYPE"),
]
SIZES = [
    ("0", "INVALID_AMOUNT"),
    ("0.0", "INVALID_AMOUNT"),
    ("-0", "INVALID_AMOUNT"),
    ('"0"', "INVALID_AMOUNT"),
    ("-1.5", "INVALID_AMOUNT"),
    ('"-1.5"', "INVALID_AMOUNT"),
    ("NaN", "INVALID_JSON"),  # JSON has no such numbers
    ("Infinity", "INVALID_JSON"),
    ("-Infinity", "INVALID_JSON"),
    ('"NaN"', "INVALID_AMOUNT"),
    ('"Infinity"', "INVALID_AMOUNT"),
    ("1e400", "AMOUNT_TOO_LARGE"),
    ('"1e400"', "AMOUNT_TOO_LARGE"),
    ("1e999999999999999999999", "INVALID_AMOUNT"),  # more than a Decimal can hold
    ('"1e999999999"', "INVALID_AMOUNT"),
    ("1.0000000001", "AMOUNT_TOO_PRECISE"),  # SOL has nine decimals
    ('"1.0000000001"', "AMOUNT_TOO_PRECISE"),
    ("0.0000000001", "AMOUNT_TOO_SMALL"),
    ("1e-400", "AMOUNT_TOO_SMALL"),
    ("9223372036.854775808", "AMOUNT_TOO_LARGE"),  # one base unit above a signed 64-bit number
    ("1" + "0" * 30, "AMOUNT_TOO_LARGE"),
    ('"' + "9" * 5000 + '"', "INVALID_AMOUNT"),
    ("9" * 5000, "INVALID_AMOUNT"),
]


@pytest.mark.parametrize(("literal", "code"), TYPES + SIZES, ids=lambda value: value[:30])
def test_an_amount_that_cannot_be_sold_is_refused(engine: Engine, literal: str, code: str) -> None:
    answer = ask(engine, "POST", "/api/orders/execute", amount(literal))
    answer.assert_refused(409 if code.startswith("AMOUNT_TOO") else 400, code)
    assert code == "INVALID_JSON" or answer.json["field"] == "amount"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"tokenIn": ...}, "MISSING_FIELD", "tokenIn"),
        ({"tokenOut": ...}, "MISSING_FIELD", "tokenOut"),
        ({"amount": ...}, "MISSING_FIELD", "amount"),
        ({"tokenIn": 1}, "INVALID_TYPE", "tokenIn"),
        ({"tokenIn": None}, "INVALID_TYPE", "tokenIn"),
        ({"tokenIn": True}, "INVALID_TYPE", "tokenIn"),
        ({"tokenOut": ["USDC"]}, "INVALID_TYPE", "tokenOut"),
        ({"tokenOut": {"symbol": "USDC"}}, "INVALID_TYPE", "tokenOut"),
        ({"side": "buy"}, "UNKNOWN_FIELD", "side"),
        ({"Amount": 1}, "UNKNOWN_FIELD", "Amount"),
        ({"orderId": str(uuid.UUID(int=1))}, "UNKNOWN_FIELD", "orderId"),
        ({"slippageBps": 0}, "INVALID_SLIPPAGE", "slippageBps"),
        ({"slippageBps": -1}, "INVALID_SLIPPAGE", "slippageBps"),
        ({"slippageBps": 5001}, "INVALID_SLIPPAGE", "slippageBps"),
        ({"slippageBps": 10**30}, "INVALID_SLIPPAGE", "slippageBps"),
        ({"slippageBps": 1.5}, "INVALID_SLIPPAGE", "slippageBps"),
        ({"slippageBps": "100"}, "INVALID_TYPE", "slippageBps"),
        ({"slippageBps": None}, "INVALID_TYPE", "slippageBps"),
        ({"slippageBps": True}, "INVALID_TYPE", "slippageBps"),
    ],
    ids=str,
)
def test_an_order_with_a_wrong_field_is_refused_and_the_field_named(
    engine: Engine, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = ask(engine, "POST", "/api/orders/execute", order(**changes))
    answer.assert_refused(400, code)
    assert answer.json["field"] == field


@pytest.mark.parametrize("same", ["SOL", SOL_MINT])
def test_a_token_is_not_sold_for_itself(engine: Engine, same: str) -> None:
    answer = ask(engine, "POST", "/api/orders/execute", order(tokenOut=same))
    answer.assert_refused(409, "SAME_TOKEN")
    assert answer.json["field"] == "tokenOut"
    ask(engine, "GET", f"/api/quote?tokenIn=SOL&tokenOut={same}&amount=1", headers={}).assert_refused(
        409, "SAME_TOKEN"
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tokenIn": "DOGE"}, "tokenIn"),
        ({"tokenIn": ""}, "tokenIn"),
        ({"tokenIn": "sol"}, "tokenIn"),
        ({"tokenOut": "U" * 100_000}, "tokenOut"),
        ({"tokenIn": "SOL\0"}, "tokenIn"),
        ({"tokenIn": "\ud800"}, "tokenIn"),  # half a surrogate pair
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_order_of_a_token_that_there_is_not_is_refused_and_the_field_named(
    engine: Engine, changes: dict[str, Any], field: str
) -> None:
    answer = ask(engine, "POST", "/api/orders/execute", order(**changes))
    answer.assert_refused(404, "UNKNOWN_TOKEN")
    assert answer.json["field"] == field


def test_an_unknown_token_is_answered_with_those_that_are_known(engine: Engine) -> None:
    answer = ask(engine, "POST", "/api/orders/execute", order(tokenIn="DOGE"))
    assert {"SOL", "USDC", "USDT", "RAY", "COPE", "FIDA", "JUP", "BONK", "JTO"} == {*answer.json["supported"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "EMPTY_BODY"),
        (b"", "EMPTY_BODY"),
        (b" \r\n\t", "EMPTY_BODY"),
        (b"tokenIn=SOL&amount=1", "INVALID_JSON"),
        (b"{", "INVALID_JSON"),
        (b"{'tokenIn': 'SOL'}", "INVALID_JSON"),
        (order() + b"{}", "INVALID_JSON"),
        (order(tokenIn="SOL") + b"\0", "INVALID_JSON"),
        (b'{"tokenIn": "S\0L"}', "INVALID_JSON"),  # a NUL as it is, which JSON does not allow
        (b"\0\0\0\0", "INVALID_JSON"),
        (order().decode().encode("utf-16"), "INVALID_JSON"),
        (b"[" * 100_000, "INVALID_JSON"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "INVALID_JSON"),
        (b"[" + order() + b"]", "NOT_AN_OBJECT"),
        (b'"SOL"', "NOT_AN_OBJECT"),
        (b"1.5", "NOT_AN_OBJECT"),
        (b"null", "NOT_AN_OBJECT"),
        (b"true", "NOT_AN_OBJECT"),
        (b'{"amount": 1, "amount": 2, "tokenIn": "SOL", "tokenOut": "USDC"}', "DUPLICATE_KEY"),
        (b'{"amount": 1, "\\u0061mount": 1, "tokenIn": "SOL", "tokenOut": "USDC"}', "DUPLICATE_KEY"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_no_json_object_is_refused(engine: Engine, body: bytes | None, code: str) -> None:
    ask(engine, "POST", "/api/orders/execute", body).assert_refused(400, code)


def test_a_body_that_is_not_utf_8_is_refused(gateway: Engine) -> None:
    ask(gateway, "POST", "/api/orders/execute", b'{"tokenIn": "\xff\xfe"}').assert_refused(
        400, "INVALID_JSON"
    )


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", "*/*"]
)
def test_a_body_that_is_not_said_to_be_json_is_refused(engine: Engine, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    answer = ask(engine, "POST", "/api/orders/execute", order(), headers)
    answer.assert_refused(415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("body", [b" " * (129 * 1024), [b" " * 1024] * 129], ids=["with length", "in chunks"])
def test_a_body_of_129_kb_is_refused(engine: Engine, body: bytes | list[bytes]) -> None:
    ask(engine, "POST", "/api/orders/execute", body).assert_refused(413, "BODY_TOO_LARGE")


def test_a_body_of_128_kb_is_read_and_one_more_byte_is_not(engine: Engine) -> None:
    body = order(tokenIn="DOGE")
    fits = body + b" " * (LIMIT - len(body))
    ask(engine, "POST", "/api/orders/execute", fits).assert_refused(404, "UNKNOWN_TOKEN")
    ask(engine, "POST", "/api/orders/execute", fits + b" ").assert_refused(413, "BODY_TOO_LARGE")


UNKNOWN = [
    (str(uuid.UUID(int=1)), 404, "ORDER_NOT_FOUND"),
    ("1", 400, "INVALID_ORDER_ID"),
    ("not-an-order", 400, "INVALID_ORDER_ID"),
    (uuid.UUID(int=1).hex, 400, "INVALID_ORDER_ID"),
    ("{00000000-0000-0000-0000-000000000001}"[:36], 400, "INVALID_ORDER_ID"),
    ("%00", 400, "INVALID_ORDER_ID"),
    ("%F0%9F%92%A9", 400, "INVALID_ORDER_ID"),
    ("%FF", 400, "INVALID_ORDER_ID"),
    ("1'%20OR%20'1'='1", 400, "INVALID_ORDER_ID"),
    ("a" * 5000, 400, "INVALID_ORDER_ID"),
]


@pytest.mark.parametrize(("order_id", "status", "code"), UNKNOWN, ids=lambda value: str(value)[:40])
def test_an_order_that_there_cannot_be_is_not_found(
    engine: Engine, order_id: str, status: int, code: str
) -> None:
    if order_id == "%00" and engine.proxied:
        pytest.skip("the proxy refuses it in its own words")
    ask(engine, "GET", f"/api/orders/{order_id}", headers={}).assert_refused(status, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "INVALID_PARAMETER"),
        ("limit=201", "INVALID_PARAMETER"),
        ("limit=-1", "INVALID_PARAMETER"),
        ("limit=ten", "INVALID_PARAMETER"),
        ("limit=", "INVALID_PARAMETER"),
        ("limit=" + "1" * 5000, "INVALID_PARAMETER"),
        ("status=done", "INVALID_PARAMETER"),
        ("status=", "INVALID_PARAMETER"),
        ("cursor=x", "INVALID_PARAMETER"),
        ("cursor=%00", "INVALID_PARAMETER"),
        ("cursor=%C3%A9", "INVALID_PARAMETER"),
        ("cursor=WzEsMl0%3D", "INVALID_PARAMETER"),  # [1,2]
        ("cursor=bnVsbA%3D%3D", "INVALID_PARAMETER"),  # null
        ("cursor=" + "W" * 4000, "INVALID_PARAMETER"),
        ("page=2", "UNKNOWN_FIELD"),
        ("limit=1&limit=2", "DUPLICATE_KEY"),
    ],
    ids=lambda value: value[:30],
)
def test_a_list_that_there_cannot_be_is_refused(engine: Engine, query: str, code: str) -> None:
    ask(engine, "GET", f"/api/orders?{query}", headers={}).assert_refused(400, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("tokenIn=SOL&tokenOut=USDC", "MISSING_FIELD"),
        ("tokenIn=SOL&tokenOut=USDC&amount=-1", "INVALID_AMOUNT"),
        ("tokenIn=SOL&tokenOut=USDC&amount=", "INVALID_AMOUNT"),
        ("tokenIn=SOL&tokenOut=USDC&amount=1&slippageBps=0", "INVALID_SLIPPAGE"),
        ("tokenIn=SOL&tokenOut=USDC&amount=1&slippageBps=x", "INVALID_TYPE"),
        ("tokenIn=SOL&tokenOut=USDC&amount=1&amount=2", "DUPLICATE_KEY"),
        ("tokenIn=SOL&tokenOut=USDC&amount=1&side=buy", "UNKNOWN_FIELD"),
    ],
)
def test_a_quote_that_there_cannot_be_is_refused(engine: Engine, query: str, code: str) -> None:
    ask(engine, "GET", f"/api/quote?{query}", headers={}).assert_refused(400, code)


def test_a_quote_of_a_token_that_there_is_not_is_404(engine: Engine) -> None:
    path = "/api/quote?tokenIn=SOL&tokenOut=DOGE&amount=1"
    ask(engine, "GET", path, headers={}).assert_refused(404, "UNKNOWN_TOKEN")


def test_json_may_be_spelled_otherwise_and_say_its_charset(engine: Engine) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = ask(engine, "POST", "/api/orders/execute", order(tokenOut="SOL"), headers)
    answer.assert_refused(409, "SAME_TOKEN")  # and so it was read
