"""The swaps that are on a Solana chain, read from the transactions themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local.landed import call, landed, signatures

CONFIRMED = {"commitment": "confirmed"}


@dataclass(frozen=True)
class Swap:
    """What a landed transaction has moved: base units by mint, and its fee in lamports."""

    signature: str
    sold: Mapping[str, int]
    received: Mapping[str, int]
    fee: int


def swaps(url: str, wallet: str) -> list[tuple[str, Swap]]:
    """Each landed swap of the wallet, with its order's id."""
    return [(order_id, _swap(url, wallet, signature)) for order_id, signature in landed(url, wallet)]


def unaccounted(url: str, wallet: str, held_at_first: int) -> int:
    """Lamports that the wallet has paid beside the fees of its transactions and the rent of new accounts."""
    paid = 0
    for signature in signatures(url, wallet):
        meta = _meta(url, signature)
        paid += meta["fee"] + _rent(meta)
    return held_at_first - int(call(url, "getBalance", wallet, CONFIRMED)["value"]) - paid


def _rent(meta: Any) -> int:
    """Lamports of the accounts that a transaction has created."""
    changes = zip(meta["preBalances"][1:], meta["postBalances"][1:], strict=True)
    return sum(after for before, after in changes if before == 0)


@lru_cache(maxsize=100_000)  # what has landed does not change
def _swap(url: str, wallet: str, signature: str) -> Swap:
    meta = _meta(url, signature)
    change = _held(meta["postTokenBalances"], wallet)
    change.subtract(_held(meta["preTokenBalances"], wallet))
    sold = {mint: -amount for mint, amount in change.items() if amount < 0}
    received = {mint: amount for mint, amount in change.items() if amount > 0}
    return Swap(signature, sold, received, meta["fee"])


@lru_cache(maxsize=100_000)
def _meta(url: str, signature: str) -> Any:
    options = {**CONFIRMED, "maxSupportedTransactionVersion": 0, "encoding": "json"}
    return call(url, "getTransaction", signature, options)["meta"]


def _held(balances: list[Any], wallet: str) -> Counter[str]:
    held: Counter[str] = Counter()
    for balance in balances:
        if balance["owner"] == wallet:
            held[balance["mint"]] += int(balance["uiTokenAmount"]["amount"])
    return held
