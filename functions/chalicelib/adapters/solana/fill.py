"""What a landed transaction gave and cost, read from the transaction itself (getTransaction)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .instructions import SIGNATURE_LAMPORTS, TOKEN


@dataclass(frozen=True, slots=True)
class Fill:
    """`amount_out` in base units of the token that the wallet has more of; fees in lamports."""

    amount_out: int
    network_fee: int
    priority_fee: int
    compute_units: int | None


def fill_of(transaction: Mapping[str, Any]) -> Fill:
    """The fill of the wallet that has signed: the one that pays the fee, whichever key is set by now.

    Of the tokens that it holds, one has become more: that is what was bought. If none has, SOL was bought and
    unwrapped: it is what the wallet and its token accounts have more of in lamports, once the fee is added.
    So wrapped SOL of before, and the rent of an account, are not counted when they are given back.
    """
    meta = transaction["meta"]
    keys = _account_keys(transaction)
    wallet = keys[0]
    fee = int(meta["fee"])
    signatures = len(transaction["transaction"]["signatures"])
    network_fee = min(fee, signatures * SIGNATURE_LAMPORTS)
    change = _tokens(meta["postTokenBalances"], wallet)
    change.subtract(_tokens(meta["preTokenBalances"], wallet))
    amount_out = max(change.values(), default=0)
    if amount_out <= 0:
        ours = {0, *_indices(meta, wallet)}
        amount_out = sum(meta["postBalances"][at] - meta["preBalances"][at] for at in ours) + fee
    return Fill(max(0, amount_out), network_fee, fee - network_fee, meta.get("computeUnitsConsumed"))


def is_guard(transaction: Mapping[str, Any], position: int) -> bool:
    """Whether an instruction is a guard of the minimum: tokens that go from an account to itself."""
    message = transaction["transaction"]["message"]
    instruction = message["instructions"][position]
    if _account_keys(transaction)[instruction["programIdIndex"]] != TOKEN:
        return False
    accounts = instruction["accounts"]
    return accounts[0] in accounts[1:-1]  # its authority is the last


def _indices(meta: Mapping[str, Any], wallet: str) -> set[int]:
    """Which of the transaction's accounts are token accounts of the wallet, before or after."""
    balances = [*(meta["preTokenBalances"] or ()), *(meta["postTokenBalances"] or ())]
    return {balance["accountIndex"] for balance in balances if balance.get("owner") == wallet}


def _tokens(balances: list[Mapping[str, Any]] | None, wallet: str) -> Counter[str]:
    """Base units by mint of the token accounts that are the wallet's."""
    found: Counter[str] = Counter()
    for balance in balances or ():
        if balance.get("owner") == wallet:
            found[balance["mint"]] += int(balance["uiTokenAmount"]["amount"])
    return found


def _account_keys(transaction: Mapping[str, Any]) -> list[str]:
    loaded = transaction["meta"].get("loadedAddresses") or {}
    message = transaction["transaction"]["message"]
    return [*message["accountKeys"], *loaded.get("writable", ()), *loaded.get("readonly", ())]
