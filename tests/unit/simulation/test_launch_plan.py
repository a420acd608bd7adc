"""Launches as a command or SIM_LAUNCHES describes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from chalicelib.config import ConfigError
from chalicelib.domain.tokens import is_mint
from chalicelib.simulation.launch_plan import LaunchError, Plan, parse
from chalicelib.simulation.launchpad import mint_of

from tests.samples import SOL, USDC, new_mint

WIF = Plan("WIF", Decimal("0.001"), Decimal(100))


def test_launches_are_read_from_the_setting() -> None:
    mint = new_mint()
    second = f"A1 price=2 liquidity=5 in=5s decimals=0 venue=orca against=USDC mint={mint}"
    text = f"WIF price=0.001 liquidity=100;  {second};"
    other = Plan("A1", Decimal(2), Decimal(5), 0, "orca", USDC, 5000, mint)
    assert parse(text) == (WIF, other)
    assert parse("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "WIF",
        "WIF price=0.001",
        "WIF liquidity=100",
        "WIF price=0 liquidity=100",
        "WIF price=x liquidity=100",
        "WIF price=NaN liquidity=100",
        "WIF price=1 price=1 liquidity=100",
        "WIF price=1 liquidity=100 depth=1",
        "WIF price=1 liquidity=100 in=5",
        "WIF price=1 liquidity=100 decimals=19",
        "WIF price=1 liquidity=100 venue=pump",
        "WIF price=1 liquidity=100 against=BONK",
        "WIF price=1 liquidity=100 mint=WIF",
        "W-F price=1 liquidity=100",
        "USDC price=1 liquidity=100",
        f"WIF price=1 liquidity=100 mint={SOL.mint}",
        "WIF price=1e-30 liquidity=100",  # more tokens than a pool can hold
        "WIF price=1 liquidity=1e-10",
    ],
)
def test_a_launch_that_is_none_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ConfigError, match="SIM_LAUNCHES: in the launch `"):
        parse(text)


def test_a_pool_holds_what_its_liquidity_buys_at_its_price() -> None:
    row = WIF.row()
    assert (row["liquidity"], row["supply"], row["decimals"]) == (100 * 10**9, 100_000 * 10**6, 6)


def test_a_mint_follows_from_the_symbol() -> None:
    assert is_mint(mint_of("WIF"))
    assert WIF.row()["mint"] == mint_of("WIF") != mint_of("WIFF")


def test_a_launch_of_a_listed_token_is_refused() -> None:
    with pytest.raises(LaunchError, match="traded already"):
        Plan("SOL", Decimal(1), Decimal(1)).row()
