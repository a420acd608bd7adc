"""Orders that no engine has a reason to refuse: nine pairs, amounts far below what a pool holds."""

from __future__ import annotations

import json

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
BODIES = tuple(
    json.dumps({"tokenIn": token_in, "tokenOut": token_out, "amount": amount}).encode()
    for token_in, token_out, amount in PAIRS
)


def body(number: int) -> bytes:
    """The body of the order with this number."""
    return BODIES[number % len(BODIES)]
