"""Orders that rest, and orders that are cancelled: how a plan draws them, and what price each then waits for.

within   a limit below the market: it fires at once
refused  the same for a token whose swaps the chain refuses half of the time, as if the price were gone
near     a limit about where the market is: it may fire, find its price gone, rest again, and fire again
far      a limit that nothing fires: its client cancels it, or its time is over
stop     a stop above the market: it fires at once, and is carried out
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from chalicelib.domain.tokens import TOKENS
from chalicelib.simulation.market import Market

SEED = "solana"
REFUSED = "FIDA"
TOKENS_AT_REST = ("SOL", "USDT", "JUP", "JTO")
KINDS = ("within", "refused", "near", "near", "far", "stop")
LASTS_MS = (1_500, 6_000)

_TOKEN = {token.symbol: token for token in TOKENS}


@dataclass(frozen=True)
class Rest:
    """How an order rests; `beside` is its price as a multiple of the fair one."""

    type: str
    token: str
    beside: float
    expires_in_ms: int | None = None

    def terms(self) -> dict[str, Any]:
        """The fields of a submit that is made now."""
        sold, bought = _TOKEN[self.token], _TOKEN["USDC"]
        fair = Market(SEED).fair_price(sold, bought, int(time.time() * 1000))
        units = Decimal(fair.numerator) / fair.denominator
        price = units.scaleb(sold.decimals - bought.decimals) * Decimal(self.beside)
        terms: dict[str, Any] = {"type": self.type, f"{self.type}Price": f"{price:.12f}"}
        return terms | ({"expiresInMs": self.expires_in_ms} if self.expires_in_ms else {})


def draw_rest(random: Random) -> Rest:
    """One of each kind in turn, by chance."""
    token, lasts_ms = random.choice(TOKENS_AT_REST), random.randint(*LASTS_MS)
    match random.choice(KINDS):
        case "refused":
            return Rest("limit", REFUSED, 0.95)
        case "near":
            return Rest("limit", token, random.uniform(0.99, 1.015), lasts_ms)
        case "far":
            return Rest("limit", token, 1.5, lasts_ms)
        case "stop":
            return Rest("stop", token, 1.1)
    return Rest("limit", token, 0.95)
