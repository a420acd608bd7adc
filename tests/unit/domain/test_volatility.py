from __future__ import annotations

from decimal import Decimal

import pytest
from chalicelib.domain.volatility import slippage_bps, volatility_ppm
from hypothesis import given
from hypothesis import strategies as st


def prices(*changes: str) -> list[Decimal]:
    """Prices that change by these per cent, one after the other."""
    found = [Decimal(150)]
    for change in changes:
        found.append(found[-1] * (100 + Decimal(change)) / 100)
    return found


@pytest.mark.parametrize(
    ("changes", "ppm"),
    [
        (("0", "0"), 0),
        (("0.1", "0.1", "0.1"), 1_000),  # a trend moves a price as well as a swing does
        (("0.1", "-0.1", "0.1"), 1_000),
        (("0.3", "0.4"), 3_535),  # √((0.3² + 0.4²) / 2) per cent
        (("-50", "100"), 790_569),
    ],
)
def test_the_volatility_is_the_mean_change_between_two_prices(changes: tuple[str, ...], ppm: int) -> None:
    found = volatility_ppm(prices(*changes))
    assert found is not None
    assert ppm <= found <= ppm + 1


@pytest.mark.parametrize("few", [[], [Decimal(1)], [Decimal(0), Decimal(0)]])
def test_nothing_is_known_of_less_than_two_prices(few: list[Decimal]) -> None:
    assert volatility_ppm(few) is None


@pytest.mark.parametrize(
    ("sigma_ppm", "bps"),
    [(0, 10), (1, 11), (100, 13), (1_000, 40), (9_666, 300), (9_667, 300), (790_569, 300)],
)
def test_the_slippage_grows_with_the_volatility_up_to_the_limit(sigma_ppm: int, bps: int) -> None:
    assert slippage_bps(sigma_ppm, 300) == bps


@given(st.lists(st.decimals("0.000000001", 10**9), max_size=20), st.integers(1, 5000))
def test_any_prices_give_a_slippage_that_an_order_may_have(given: list[Decimal], most: int) -> None:
    found = volatility_ppm(given)
    assert found is None or 1 <= slippage_bps(found, most) <= most
