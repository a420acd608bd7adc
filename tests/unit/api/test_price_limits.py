"""An order's own limits on the wire: in a submit, an order, its first event and a quote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import MemoryEngine
from tests.rest import call, submit

BODY = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


def post(**fields: Any) -> Any:
    return submit(json.dumps(BODY | fields).encode())


def quote(**fields: str) -> Any:
    given = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"} | fields
    return call("GET", "/api/quote", query={name: [value] for name, value in given.items()})


def test_an_order_shows_the_limits_it_was_submitted_with(engine: MemoryEngine) -> None:
    order_id = post(maxPriceImpactBps=50, minimumOut="149.25").body["orderId"]
    order = call("GET", "/api/orders/{order_id}", order_id=order_id).body
    for shown in (order, order["events"][0]):
        assert (shown["maxPriceImpactBps"], shown["minimumOut"]) == (50, "149.25")
    plain = call("GET", "/api/orders/{order_id}", order_id=post().body["orderId"]).body
    for shown in (plain, plain["events"][0]):
        assert not {"maxPriceImpactBps", "minimumOut"} & set(shown)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("maxPriceImpactBps", 0, "INVALID_PRICE_IMPACT"),
        ("maxPriceImpactBps", 10_001, "INVALID_PRICE_IMPACT"),
        ("maxPriceImpactBps", 1.5, "INVALID_PRICE_IMPACT"),
        ("maxPriceImpactBps", "50", "INVALID_TYPE"),
        ("maxPriceImpactBps", None, "INVALID_TYPE"),
        ("minimumOut", 0, "INVALID_AMOUNT"),
        ("minimumOut", "-1", "INVALID_AMOUNT"),
        ("minimumOut", "much", "INVALID_AMOUNT"),
        ("minimumOut", True, "INVALID_TYPE"),
        ("minimumOut", "0.0000001", "AMOUNT_TOO_SMALL"),  # in the decimals of what is bought
        ("minimumOut", "1.0000001", "AMOUNT_TOO_PRECISE"),
        ("minimumOut", "1e30", "AMOUNT_TOO_LARGE"),
    ],
)
def test_a_wrong_limit_names_its_field(engine: MemoryEngine, field: str, value: object, code: str) -> None:
    answer = post(**{field: value})
    status = 409 if code.startswith("AMOUNT") else 400
    assert (answer.status, answer.body["code"], answer.body["field"]) == (status, code, field)
    assert field in answer.body["error"]
    assert engine.store.rows == {}


def test_the_same_key_with_other_limits_is_a_conflict(engine: MemoryEngine) -> None:
    first = {"clientOrderId": "k", "minimumOut": "149"}
    assert (post(**first).status, post(**first).status) == (202, 200)
    for other in ({"minimumOut": "148"}, {"minimumOut": "149", "maxPriceImpactBps": 10}):
        assert post(clientOrderId="k", **other).status == 409


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({}, None),
        ({"minimumOut": "151", "maxPriceImpactBps": "1"}, None),
        ({"minimumOut": "151.000001"}, "BELOW_MINIMUM_OUT"),
    ],
)
def test_a_quote_says_whether_the_order_would_be_refused(
    engine: MemoryEngine, limits: dict[str, str], code: str | None
) -> None:
    answer = quote(**limits)
    assert answer.status == 200
    assert answer.body.get("refusal", {}).get("code") == code
    assert answer.body["minimumOut"] == limits.get("minimumOut", "149.49")
    assert answer.body.get("maxPriceImpactBps") == (1 if "maxPriceImpactBps" in limits else None)


def test_a_quote_beyond_the_engines_limit_says_so_and_a_wider_limit_of_its_own_lifts_it() -> None:
    with MemoryEngine(max_price_impact_bps=100) as engine:
        engine.raydium.impact_bps = engine.meteora.impact_bps = 101
        assert quote().body["refusal"]["code"] == "PRICE_IMPACT_TOO_HIGH"
        assert "refusal" not in quote(maxPriceImpactBps="101").body
