"""What the terminal shows of orders that rest, and of how they end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.cli.demo import outcome_tables
from local.client.commands.resting import _distance
from local.client.commands.view import Life, describe, lives_table, price_asked, resting_view, tokens_view
from tests.unit.local.client.commands.test_view import CONFIRMED, ID, TERMS, drawn, event, life_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LIMIT: dict[str, Any] = {"type": "limit", "limitPrice": "160.5"}
STOP: dict[str, Any] = {"type": "stop", "stopPrice": "140"}
OPEN = event(1, "open", 0.0, **TERMS, slippageBps=100, minimumOut="240.75", **LIMIT)
FIRED = event(2, "pending", 3.5, triggerPrice="160.75")


@pytest.mark.parametrize(
    ("later", "text"),
    [
        (OPEN, "1.5 SOL → USDC, waits for ≥ 160.5 USDC per SOL, at least 240.75 USDC"),
        (FIRED, "fires: its price is there, 160.75"),
        (
            event(2, "open", 1.0, error="Too little.", code="BELOW_MINIMUM_OUT"),
            "rests again: Too little. (BELOW_MINIMUM_OUT)",
        ),
        (event(2, "cancelled", 1.0), "by its client; nothing was traded"),
        (event(2, "expired", 1.0), "its time is over; nothing was traded"),
    ],
)
def test_each_event_of_a_resting_order_has_a_short_text(later: dict[str, object], text: str):
    assert describe(later, life_of([OPEN])) == text


def test_the_first_event_shows_the_orders_conditions():
    first = event(
        1,
        "open",
        0.0,
        **TERMS,
        **STOP,
        slippageBps=50,
        expiresAt="2026-01-31T14:00:00.000Z",
        dexes=["raydium"],
    )
    life = life_of([first])
    assert describe(first, life) == (
        "1.5 SOL → USDC, waits for ≤ 140 USDC per SOL, slippage up to 0.50 %, only at raydium, "
        "until 2026-01-31 14:00:00 UTC"
    )
    assert describe(event(2, "routing", 1.0), life) == "asking raydium"


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_life_that_is_cancelled_or_expires_has_ended_and_reached_no_step(end: str):
    life = life_of([OPEN, event(2, end, 5.0)])
    assert life.has_ended and life.is_whole
    text = drawn(lives_table([life]))
    assert end in text and "●" not in text


def test_a_life_that_rests_has_reached_no_step_yet():
    life = life_of([OPEN])
    assert not life.has_ended
    assert "●" not in drawn(lives_table([life]))


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_the_time_that_an_order_rested_is_in_the_outcome_however_narrow(width: int):
    later = [one | {"seq": int(str(one["seq"])) + 2} for one in CONFIRMED[1:]]
    life = life_of([OPEN, FIRED, *later])
    text = "".join(drawn(table, width) for table in outcome_tables([life], width))
    assert "open" in text and "3.50 s" in text and "4.60 s" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_the_outcome_of_orders_that_never_rested_has_no_column_for_it():
    assert "open" not in drawn(outcome_tables([life_of(CONFIRMED)], 200)[0])


@pytest.mark.parametrize(
    ("order", "asked"), [(LIMIT, "≥ 160.5"), (STOP, "≤ 140"), ({}, "")], ids=["limit", "stop", "market"]
)
def test_the_price_that_an_order_asks_shows_on_which_side_it_waits(order: dict[str, str], asked: str):
    assert price_asked(order) == asked


QUOTES = {"raydium": {"price": "150"}, "meteora": {"price": "160.5"}}


@pytest.mark.parametrize(
    ("order", "price", "bps", "is_there"),
    [
        (LIMIT, "160.5", 0, True),
        (LIMIT | {"dexes": ["raydium"]}, "150", 700, False),
        (LIMIT | {"limitPrice": "160.5000001"}, "160.5", 0, False),  # by less than is shown
        (STOP, "160.5", -1277, False),
        (STOP | {"stopPrice": "160.5"}, "160.5", 0, True),
        (LIMIT | {"dexes": ["orca"]}, None, None, False),
    ],
)
def test_the_distance_is_measured_from_the_best_venue_that_the_order_may_use(
    order: dict[str, object], price: str | None, bps: int | None, is_there: bool
):
    assert _distance(order, QUOTES) == {"priceNow": price, "awayBps": bps, "isThere": is_there}


def test_a_venue_without_a_quote_is_left_out_of_the_distance():
    quotes = {"raydium": {"error": "No.", "code": "QUOTE_TIMEOUT"}}
    assert _distance(LIMIT, quotes)["priceNow"] is None


RESTING: list[dict[str, Any]] = [
    {"orderId": ID, **TERMS, **LIMIT, "expiresAt": "2026-01-31T14:00:00.000Z"}
    | {"priceNow": "150.123456789", "awayBps": 691, "isThere": False},
    {"orderId": ID, **TERMS, **STOP, "priceNow": "139.5", "awayBps": 36, "isThere": True},
    {"orderId": ID, **TERMS, **STOP, "priceNow": None, "awayBps": None, "isThere": False},
]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_resting_orders_are_shown_whole_however_narrow_the_terminal(width: int):
    text = drawn(resting_view(RESTING, NOW, width), width)
    for shown in (ID, "≥ 160.5", "150.12345…", "+6.91 %", "2 h", "≤ 140", "there", "no quote", "never"):
        assert shown in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 200])
def test_tokens_are_shown_with_whole_mints(width: int):
    mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"
    tokens = [
        {"symbol": "USDC", "mint": mint, "decimals": 6, "tradable": True},
        {"symbol": "COPE", "mint": "8HG", "decimals": 6, "tradable": False},
    ]
    text = drawn(tokens_view(tokens, width), width)
    assert mint in text
    assert text.count("not traded now") == 1


def test_a_life_knows_where_it_may_trade():
    assert Life(ID).venues == ()
    assert life_of([OPEN | {"dexes": ["meteora"]}]).venues == ["meteora"]
