"""However narrow the terminal, no digit of money is lost without a sign, and no id."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local.cli.demo import outcome_tables
from local.cli.dlq_view import orders_view as dead_letters_view
from local.client.commands.view import orders_view
from tests.unit.local.client.commands.test_view import CONFIRMED, FAILED, ID, drawn, life_of

NOW = datetime(2026, 1, 31, 12, 17, tzinfo=UTC)
ORDER = {
    "orderId": ID,
    "status": "confirmed",
    "attempt": 2,
    "tokenIn": "SOL",
    "tokenOut": "USDC",
    "amount": "1.123456789",
    "amountOut": "218.592813",
    "createdAt": "2026-01-31T12:00:00.000Z",
}
FAILED_ORDER = ORDER | {"status": "failed", "code": "PRICE_IMPACT_TOO_HIGH", "amount": "1234567.5"}
LETTER = {
    "orderId": ID,
    "status": "failed",
    "code": "BELOW_MINIMUM_OUT",
    "attempts": 3,
    "ageSeconds": 3.0,
    "error": "The best offer, of meteora, is 218.592813 USDC; the order asks for at least 219.592813.",
}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_a_list_of_orders_shows_every_amount_and_id_in_one_piece(width: int) -> None:
    text = drawn(orders_view([ORDER, FAILED_ORDER], NOW, width), width)
    for shown in (ID, "1.1234567…", "218.59281…", "1,234,567.5", "confirmed", "PRICE_IMPACT_TOO_HIGH"):
        assert shown in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_list_of_dead_letters_shows_every_amount_and_id_in_one_piece(width: int) -> None:
    text = drawn(dead_letters_view([LETTER], width), width)
    for shown in (ID, "218.592813", "219.592813", "BELOW_MINIMUM_OUT"):
        assert shown in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_demos_tables_cut_and_fold_nothing(width: int) -> None:
    building = CONFIRMED[4] | {
        "route": {**CONFIRMED[4]["route"], "amountOut": "3570312.4"}  # type: ignore[dict-item]
    }
    lives = [life_of([*CONFIRMED[:4], building, *CONFIRMED[5:]]), life_of(FAILED)]
    text = "".join(drawn(table, width) for table in outcome_tables(lives, width))
    for shown in ("3,570,312.4", "223.8", "0.03 %", "4.60 s", "223.65"):
        assert shown in text
    assert "…" not in text
