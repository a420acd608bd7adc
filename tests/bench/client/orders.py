"""Orders that no engine has a reason to refuse: nine pairs, amounts far below what a pool holds."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS = (
    ("SOL", "USDC", 0.5),
    ("USDC", "JUP", 25),
    ("BONK", "SOL", 10_000),
    ("RAY", "USDT", 4),
    ("USDT", "SOL", 20),
    ("JTO", "USDC", 3),
    ("USDC", "BONK", 15),
    ("SOL", "RAY", 0.2),
    ("JUP", "USDC", 12),
)


def terms(number: int) -> Mapping[str, object]:
    """The terms of the order with this number."""
    token_in, token_out, amount = PAIRS[number % len(PAIRS)]
    return {"tokenIn": token_in, "tokenOut": token_out, "amount": amount}
