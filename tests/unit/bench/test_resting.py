"""Limit orders whose price the simulated market brings at a known time, and those that it leaves at rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chalicelib.domain.terms import least_out
from chalicelib.domain.tokens import find_token

from tests.bench.resting import PAIRS, Prices

NOW_MS = 1_800_000_000_000
LEAD_MS = 4_000
PRICES = Prices("solana")


def is_there(body: dict[str, Any], at_ms: int) -> bool:
    """Whether the best venue gives what the order asks for."""
    sold, bought = find_token(body["tokenIn"]), find_token(body["tokenOut"])
    assert sold and bought
    amount_in = int(Decimal(body["amount"]) * 10**sold.decimals)
    least = least_out(sold, bought, amount_in, Decimal(body["limitPrice"]))
    return PRICES.best_out(sold, bought, amount_in, at_ms) >= least


def test_a_price_comes_at_its_time_and_not_before() -> None:
    coming = PRICES.coming(5, NOW_MS + LEAD_MS, NOW_MS)
    assert coming
    for order in coming:
        at_ms = round(order.at * 1000)
        assert at_ms > NOW_MS
        assert is_there(order.body, at_ms)
        assert not is_there(order.body, at_ms - 1)
        assert not any(is_there(order.body, ms) for ms in range(NOW_MS, at_ms, 100))


def test_far_orders_are_spread_over_twenty_pairs_and_no_price_is_there_for_minutes() -> None:
    bodies = PRICES.far(40, NOW_MS)
    assert {(body["tokenIn"], body["tokenOut"]) for body in bodies} == {*PAIRS}
    assert len(PAIRS) == 20
    assert not any(is_there(body, NOW_MS + ms) for body in bodies for ms in range(0, 300_000, 20_000))
