"""What the terminal shows of orders, from their events."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from local.cli.demo import outcome_tables
from local.client.commands.view import (
    EVENT_INDENT,
    Hanging,
    Life,
    age,
    describe,
    event_line,
    fill_lines,
    legs_line,
    lives_table,
    orders_view,
    percent,
    quote_table,
    short,
)
from local.terminal import OneLine, masked

ID = "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"
TERMS: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
QUOTES = {
    "raydium": {
        "dex": "raydium",
        "price": "149.1",
        "amountOut": "223.65",
        "fee": "0.0045",
        "priceImpactBps": 3,
    },
    "meteora": {"error": "Meteora did not answer in time with a quote.", "code": "QUOTE_TIMEOUT"},
}


def event(seq: int, status: str, second: float, attempt: int = 1, **detail: object) -> dict[str, object]:
    at = f"2026-01-31T12:00:{second:06.3f}Z"
    return {"orderId": ID, "seq": seq, "status": status, "attempt": attempt, "at": at, **detail}


BUILDING = {
    "chosen": "raydium",
    "route": {"dex": "raydium", "amountOut": "223.65", "minimumOut": "221.41", "priceImpactBps": 3},
    "quotes": QUOTES,
}
CONFIRMED = [
    event(1, "pending", 0.0, **TERMS, slippageBps=100),
    event(2, "routing", 0.1),
    event(3, "pending", 1.1, 2, error="No venue answered.", code="QUOTE_TIMEOUT", retryInMs=612),
    event(4, "routing", 1.8, 2),
    event(5, "building", 2.0, 2, **BUILDING),
    event(6, "submitted", 2.1, 2, dex="raydium", txHash="5" * 88),
    event(
        7,
        "confirmed",
        4.6,
        2,
        dex="raydium",
        txHash="5" * 88,
        executedPrice="149.2",
        amountOut="223.8",
        slot=7,
    ),
]
FAILED = [
    *CONFIRMED[:2],
    event(3, "failed", 0.4, error="The pool is too small.", code="INSUFFICIENT_LIQUIDITY", attempts=1),
]


def life_of(events: list[dict[str, object]]) -> Life:
    life = Life(ID)
    for one in events:
        life.take(one)
    return life


def drawn(renderable: RenderableType, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, emoji=False).print(renderable)
    return out.getvalue()


def test_a_life_has_its_orders_status_attempts_and_pair():
    life = life_of(CONFIRMED)
    assert (life.status, life.attempts, life.pair, str(life)) == (
        "confirmed",
        2,
        "SOL → USDC",
        "1.5 SOL → USDC",
    )
    assert life.has_ended
    assert life.is_whole


def test_time_in_a_status_is_added_up_over_attempts():
    life = life_of(CONFIRMED)
    assert life.seconds_in("pending") == pytest.approx(0.1 + 0.7)
    assert life.seconds_in("routing") == pytest.approx(1.0 + 0.2)
    assert life.seconds_in("submitted") == pytest.approx(2.5)
    assert life.seconds == pytest.approx(4.6)
    assert life_of(FAILED).seconds_in("building") is None


@pytest.mark.parametrize(
    ("seqs", "whole"),
    [
        ([1, 2, 3, 4, 5, 6, 7], True),
        ([2, 3, 4, 5, 6, 7], False),  # the first one is missing
        ([1, 2, 4, 5, 6, 7], False),  # a gap
        ([1, 2, 2, 3, 4, 5, 6, 7], False),  # one twice
        ([1, 3, 2, 4, 5, 6, 7], False),  # out of order
        ([1, 2, 3, 4, 5, 6], False),  # not at its end
        ([], False),
    ],
)
def test_a_life_is_complete_if_each_event_came_once_and_in_order(seqs: list[int], whole: bool):
    assert life_of([CONFIRMED[seq - 1] for seq in seqs]).is_whole is whole


@pytest.mark.parametrize(
    ("seq", "text"),
    [
        (1, "1.5 SOL → USDC, slippage up to 1.00 %"),
        (2, "asking every venue"),
        (3, "attempt 2 in 612 ms: No venue answered. (QUOTE_TIMEOUT)"),
        (4, "asking every venue, attempt 2"),
        (5, "raydium gives 223.65 USDC, impact 0.03 %; meteora QUOTE_TIMEOUT"),
        (6, "sent to raydium, 555555555555…"),
        (7, "received 223.8 USDC at 149.2, slot 7"),
    ],
)
def test_each_event_has_a_short_text(seq: int, text: str):
    assert describe(CONFIRMED[seq - 1], life_of(CONFIRMED)) == text


def test_a_failure_is_shown_with_its_reason_code_and_attempts():
    assert (
        describe(FAILED[-1], life_of(FAILED))
        == "The pool is too small. (INSUFFICIENT_LIQUIDITY, attempts: 1)"
    )


def test_a_fill_is_explained_in_four_lines():
    fill = {
        "quotedOut": "151",
        "receivedOut": "150",
        "slippageUsedBps": 67,
        "priceImpactBps": 1,
        "fees": {
            "network": {"amount": "0.000005", "token": "SOL"},
            "priority": {"amount": "0.00001", "token": "SOL"},
            "venue": [{"amount": "0.002", "token": "SOL"}],
        },
        "bestSingle": {"dex": "meteora", "amountOut": "149.5"},
    }
    assert [*fill_lines(CONFIRMED[-1] | {"fill": fill}, life_of(CONFIRMED))] == [
        "quoted 151 USDC, slippage used 0.67 %, price impact 0.01 %",
        "fees: venue 0.002 SOL, network 0.000005 SOL, priority 0.00001 SOL",
        "the best venue alone, meteora, would have given 149.5 USDC",
        "time: pending 800 ms, routing 1200 ms, building 100 ms, submitted 2500 ms",
    ]


def test_a_fill_of_which_nothing_is_known_is_not_explained():
    assert [*fill_lines(CONFIRMED[-1], life_of(CONFIRMED))] == []


def test_an_event_line_has_its_time_and_its_order():
    line = event_line(CONFIRMED[1], life_of(CONFIRMED[:2]), name=ID[:8])
    assert line.plain == "12:00:00.100  7f0c2f8e  routing    asking every venue"


@pytest.mark.parametrize("position", range(1, len(CONFIRMED) + 1))
def test_lives_are_drawn_at_every_step_within_a_narrow_terminal(position: int):
    text = drawn(lives_table([life_of(CONFIRMED[:position]), life_of(FAILED), Life(ID, TERMS)]), 80)
    assert len(text.splitlines()) == 3
    assert str(CONFIRMED[position - 1]["status"]) in text
    assert "failed" in text


def test_the_outcome_shows_route_both_quotes_amounts_impact_attempts_and_times():
    (table,) = outcome_tables([life_of(CONFIRMED), life_of(FAILED)], 140)
    text = drawn(table)
    for part in (
        "7f0c2f8e",
        "SOL → USDC",
        "▸ raydium 223.65",
        "meteora QUOTE_TIMEOUT",
        "223.8",
        "0.03 %",
        "0.80 s",
        "4.60 s",
        "INSUFFICIENT_LIQUIDITY",
    ):
        assert part in text


def test_a_narrow_terminal_gets_two_tables_with_nothing_cut_off():
    narrow = outcome_tables([life_of(CONFIRMED)], 80)
    assert len(narrow) == 2
    text = "".join(drawn(table, 80) for table in narrow)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_orders_are_listed_with_whole_ids_however_narrow_the_terminal():
    order = {
        "orderId": ID,
        "status": "confirmed",
        "attempt": 2,
        **TERMS,
        "amountOut": "223.8",
        "createdAt": "2026-01-31T12:00:00.000Z",
    }
    text = drawn(orders_view([order], datetime(2026, 1, 31, 12, 17, tzinfo=UTC), 80), 80)
    assert ID in text
    assert "17 min" in text


def step(venue: str, sold: str, percent: int) -> dict[str, object]:
    return {"bps": percent * 100, "swapInfo": {"label": venue, "inputMint": sold}}


def test_a_route_of_several_legs_is_shown_with_their_shares():
    plan = [step("raydium", "SOL", 34), step("orca", "SOL", 66), step("meteora", "COPE", 100)]
    assert legs_line({"routePlan": plan}) == "raydium 34 % + orca → meteora 66 %"
    assert legs_line({"routePlan": plan[:1]}) == ""
    assert legs_line({}) == ""
    said = describe(CONFIRMED[4] | {"routePlan": plan[:2]}, life_of(CONFIRMED))
    assert said.startswith("raydium 34 % + orca 66 % gives 223.65 USDC, impact 0.03 %; raydium 223.65")


def test_a_quote_marks_the_chosen_venue_and_shows_why_another_gave_none():
    text = drawn(quote_table({"chosen": "raydium", "quotes": QUOTES, **TERMS}))
    assert "▸ raydium" in text
    assert "223.65 USDC" in text
    assert "QUOTE_TIMEOUT" in text


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1.5", "1.5"),
        ("0", "0"),
        ("1000000", "1,000,000"),
        ("1234567890123", "1,234,567,890,123"),  # whole numbers are never cut
        ("0.00000013854743", "0.00000013854743"),
        (
            "273773.619999",
            "273,773.61…",
        ),  # eight digits, never more than there is, and a sign that there are more
        ("273773.600001", "273,773.60…"),
        ("12345678.5", "12,345,678.…"),
        ("", ""),
    ],
)
def test_amounts_are_short_and_never_rounded_up(amount: str, shown: str):
    assert short(amount) == shown


def test_basis_points_are_shown_as_per_cent():
    assert percent(125) == "1.25 %"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (-2, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_ages_are_rounded_to_one_unit(seconds: float, shown: str):
    assert age(seconds) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at postgresql://me:s3cr3t@db/orders", "at postgresql://me:***@db/orders"),
        ("redis://:s3cr3t@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://me:a/b@c@db", "postgresql://me:***@db"),  # badly quoted, and still masked
        ("host=db password=s3cr3t user=me", "host=db password=*** user=me"),
        ("http://127.0.0.1:3000/orders", "http://127.0.0.1:3000/orders"),  # a port is no password
        ("postgresql://me@db/orders", "postgresql://me@db/orders"),
    ],
)
def test_passwords_are_masked(text: str, shown: str):
    assert masked(text) == shown


def test_an_exception_is_logged_on_one_line_and_without_a_password():
    try:
        raise OSError("no answer from\nredis://:s3cr3t@cache")
    except OSError as error:
        found = (type(error), error, error.__traceback__)
    record = logging.LogRecord("local", logging.ERROR, __file__, 1, "%s raised", ("sweep",), found)
    line = OneLine("%(message)s").format(record)
    assert line.startswith("sweep raised: OSError: no answer from redis://:***@cache (test_an_exception")
    assert "\n" not in line


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_line_that_is_too_long_goes_on_below_its_text(width: int) -> None:
    life = Life(ID)
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    shown = []
    for each in CONFIRMED:
        life.take(each)
        with console.capture() as captured:
            console.print(Hanging(event_line(each, life), EVENT_INDENT))
        lines = captured.get().splitlines()
        assert max(map(len, lines)) <= width
        assert all(line.startswith(" " * EVENT_INDENT) for line in lines[1:])
        shown.append(" ".join(line.strip() for line in lines))
        assert shown[-1].split() == str(event_line(each, life)).split()
    assert any("QUOTE_TIMEOUT" in line for line in shown)


def test_a_line_of_a_file_is_not_divided() -> None:
    console = Console(file=io.StringIO(), width=60)
    with console.capture() as captured:
        console.print(Hanging(Text("a " * 100), 4), soft_wrap=True)
    assert captured.get() == f"{'a ' * 100}\n"
