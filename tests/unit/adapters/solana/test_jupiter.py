"""What Jupiter's answers say of a quote."""

from __future__ import annotations

from typing import Any

import pytest
from chalicelib.adapters.solana.jupiter import quote_of
from chalicelib.domain.errors import InsufficientLiquidity, VenueUnavailable

from tests.samples import SOL, USDC

STEP = {"ammKey": "pool", "label": "Raydium", "inputMint": SOL.mint, "outputMint": USDC.mint}
ANSWER: dict[str, Any] = {
    "inputMint": SOL.mint,
    "outAmount": "150000000",
    "priceImpact": -0.123,
    "routePlan": [{"swapInfo": STEP, "bps": 10_000}],
}


def test_a_quote_has_its_pool_and_its_impact_rounded_up() -> None:
    quote = quote_of("raydium", SOL, USDC, 10**9, ANSWER)
    assert (quote.amount_out, quote.pool, quote.price_impact_bps, quote.fee) == (150_000_000, "pool", 13, 0)


def test_a_fee_is_the_routers_and_that_of_pools_which_name_it() -> None:
    plan = [
        {"swapInfo": {**STEP, "feeAmount": "2500", "feeMint": SOL.mint}},
        {"swapInfo": {**STEP, "feeAmount": "9", "feeMint": USDC.mint}},  # of another token
        {"swapInfo": STEP},
    ]
    quote = quote_of("jupiter", SOL, USDC, 10**6, {**ANSWER, "feeBps": 10, "routePlan": plan})
    assert (quote.fee, quote.pool) == (1_000 + 2_500, "")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"outAmount": "0"}, InsufficientLiquidity),
        ({"outAmount": None}, VenueUnavailable),
        ({"outAmount": "-5"}, VenueUnavailable),
        ({"outAmount": {}}, VenueUnavailable),
        ({"outAmount": str(2**64)}, VenueUnavailable),  # more than a token account holds
        ({"outAmount": "9" * 5_000}, VenueUnavailable),  # more digits than Python reads
        ({"routePlan": 7}, VenueUnavailable),
        ({"routePlan": [{"swap": {}}]}, VenueUnavailable),
        ({"priceImpact": "steep"}, VenueUnavailable),
        ({"feeBps": "much"}, VenueUnavailable),
    ],
)
def test_an_answer_of_another_form_is_no_quote(answer: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        quote_of("raydium", SOL, USDC, 10**9, {**ANSWER, **answer})
