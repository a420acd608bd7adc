"""Tokens that tests trade."""

from __future__ import annotations

from chalicelib.domain.tokens import find_token

SOL, USDC, COPE, BONK = (found for symbol in ("SOL", "USDC", "COPE", "BONK") if (found := find_token(symbol)))
