"""How much slippage an order should allow that leaves this to the engine: what its price moves meanwhile.

    slippage = LEAST + k · σ,   at most the order's limit

where σ is the root mean square of the price's recent changes, each over the time that a swap takes from its
quote to the chain. Three σ are more than most swaps meet; LEAST is for a market that has been still.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import isqrt

SWAP_MS = 3000
"""From the quote to the chain: how far apart the prices are that are compared."""
CHANGES = 60
K = 3
LEAST_BPS = 10
PPM = 1_000_000
PPM_OF_BPS = 100


def volatility_ppm(prices: Sequence[Decimal]) -> int | None:
    """σ of prices, oldest first, in parts per million, rounded up; None of less than two."""
    changes = [int((after - before) * PPM / before) for before, after in pairwise(prices) if before and after]
    if not changes:
        return None
    return isqrt(sum(change * change for change in changes) // len(changes)) + 1


def slippage_bps(sigma_ppm: int, most_bps: int) -> int:
    """The slippage at this volatility, in 1/100 of a per cent, rounded up."""
    return min(LEAST_BPS - (-K * sigma_ppm // PPM_OF_BPS), most_bps)
