"""Numbers of Meteora's own program: prices that mainnet's pools store, and fills of our pools put into it.

`dlmm_vectors.json` has `bin_prices` as [bin step in bps, bin, price in Q64.64] and `fills`, of the market
with the seed "vectors", as [sold, bought, unix ms, amount in, amount out]; a fill of null was refused.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.tokens import find_token
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora, bin_price

VECTORS = json.loads((Path(__file__).parent / "dlmm_vectors.json").read_text())


@pytest.mark.parametrize(("bin_step", "bin_id", "price"), VECTORS["bin_prices"])
def test_a_bins_price_is_the_programs_to_the_last_bit(bin_step: int, bin_id: int, price: int) -> None:
    assert bin_price(bin_id, bin_step) == price


@pytest.mark.parametrize(("sold", "bought", "at_ms", "amount_in", "amount_out"), VECTORS["fills"])
def test_a_fill_is_the_programs(
    sold: str, bought: str, at_ms: int, amount_in: int, amount_out: int | None
) -> None:
    token_in, token_out = find_token(sold), find_token(bought)
    assert token_in and token_out
    venue = Meteora(Market("vectors"))
    if amount_out is None:
        with pytest.raises(InsufficientLiquidity):
            venue.quote_at(token_in, token_out, amount_in, at_ms)
    else:
        assert venue.quote_at(token_in, token_out, amount_in, at_ms).amount_out == amount_out
