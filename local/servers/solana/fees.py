"""A transaction's fee, price of compute units and memos, read from its message.

    fee = 5 000 × signatures + ⌈price × limit / 10⁶⌉    lamports, the price in micro-lamports a compute unit

The limit is that of SetComputeUnitLimit; without it, 3 000 units for each instruction of a builtin program
and 200 000 for each other one. It is 1 400 000 at most.
"""

from __future__ import annotations

from typing import Any

SIGNATURE_FEE = 5_000
COMPUTE_BUDGET = "ComputeBudget111111111111111111111111111111"
MEMOS = ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo")
_BUILTINS = {
    COMPUTE_BUDGET,
    "11111111111111111111111111111111",
    "Vote111111111111111111111111111111111111111",
    "BPFLoader1111111111111111111111111111111111",
    "BPFLoader2111111111111111111111111111111111",
    "BPFLoaderUpgradeab1e11111111111111111111111",
}
_SET_LIMIT, _SET_PRICE = 2, 3
_MOST_UNITS = 1_400_000


def fee(message: Any) -> int:
    """The fee in lamports that a transaction with this message pays when it lands."""
    priority = -(-unit_price(message) * _unit_limit(message) // 10**6)
    return int(message.header.num_required_signatures) * SIGNATURE_FEE + priority


def unit_price(message: Any) -> int:
    """Micro-lamports a compute unit."""
    return _setting(message, _SET_PRICE, 8) or 0


def memo(message: Any) -> str | None:
    """The memos as getSignaturesForAddress shows them: `[5] hello`, several separated by `; `."""
    texts = [data for program, data in _instructions(message) if program in MEMOS]
    return "; ".join(f"[{len(text)}] {text.decode(errors='replace')}" for text in texts) or None


def _unit_limit(message: Any) -> int:
    limit = _setting(message, _SET_LIMIT, 4)
    if limit is None:
        limit = sum(3_000 if program in _BUILTINS else 200_000 for program, _ in _instructions(message))
    return min(limit, _MOST_UNITS)


def _setting(message: Any, tag: int, length: int) -> int | None:
    for program, data in _instructions(message):
        if program == COMPUTE_BUDGET and len(data) == 1 + length and data[0] == tag:
            return int.from_bytes(data[1:], "little")
    return None


def _instructions(message: Any) -> list[tuple[str, bytes]]:
    keys = message.account_keys
    return [(str(keys[each.program_id_index]), bytes(each.data)) for each in message.instructions]
