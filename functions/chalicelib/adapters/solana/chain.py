"""`ports.trading.Chain` over JSON-RPC: what has landed is what a confirmed block holds, with its fill.

Two rules, beside those of `services/execution/settlement.py`, keep an order at one landed swap on a cluster:

- Only a finalized block proves that a transaction in no block is dead. So `block_height` is that of the last
  one: a transaction that is in none up to there, and whose blockhash ended before it, never lands. One that
  failed is dead with its block, and that is as final as one that landed: `commitment` says how final.
- Nodes are not equally far. A node that says "not seen" proves nothing unless it has come as far as the node
  that gave the height: an answer from before that slot counts as none.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...batcher import Batcher
from ...domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    InsufficientFunds,
    SigningRefused,
    SlippageExceeded,
    TransactionFailed,
)
from ...ports.trading import (
    Chain,
    Landed,
    ProgramError,
    SignedTransaction,
    TransactionStatus,
    Unconfirmed,
)
from .fill import fill_of, is_guard
from .rpc import NodeUnavailable, Rpc, RpcRefusal, WrongNode, reading

SLOT_S = 0.4
MOST_STATUSES = 256  # signatures that getSignatureStatuses takes
ENOUGH = {"confirmed": ("confirmed", "finalized"), "finalized": ("finalized",)}
"""The confirmation statuses that are good enough for each commitment."""


class RpcChain(Chain):
    """The cluster that `rpc` reaches; a swap has landed once it is in a block of `commitment`."""

    def __init__(self, rpc: Rpc, commitment: str = "confirmed") -> None:
        self._rpc = rpc
        self._commitment = commitment
        self._final_slot = 0  # the latest that a height was given of
        self._height, self._height_until = 0, -math.inf
        self._latest, self._latest_until = ("", 0), -math.inf
        self._status: Batcher[str, TransactionStatus] = Batcher(self._status_of_all, limit=MOST_STATUSES)

    async def latest_blockhash(self) -> tuple[str, int]:
        """`(blockhash, last_valid_block_height)`, up to a slot's time old."""
        now = asyncio.get_running_loop().time()
        if now >= self._latest_until:
            try:
                found = await self._call("getLatestBlockhash", {"commitment": self._commitment})
            except WrongNode as error:
                raise SigningRefused(str(error), code=error.code) from error
            with reading("getLatestBlockhash"):
                latest = found["value"]
                self._latest = str(latest["blockhash"]), int(latest["lastValidBlockHeight"])
            self._latest_until = now + SLOT_S
        return self._latest

    async def block_height(self) -> int:
        """The height of the last finalized block, or of one up to a slot's time earlier.

        An earlier one errs on the safe side, and all orders in flight share a call.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._height_until:
            found = await self._call("getEpochInfo", {"commitment": "finalized"})
            with reading("getEpochInfo"):
                slot, height = int(found["absoluteSlot"]), int(found["blockHeight"])
            self._final_slot = max(self._final_slot, slot)
            self._height, self._height_until = height, now + SLOT_S
        return self._height

    async def send(self, transaction: SignedTransaction) -> str:
        """Without a preflight, whose answer would be a forecast: what was sent is followed by its status."""
        options = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        try:
            raw = base64.b64encode(transaction.raw).decode()
            return str(await self._rpc.call("sendTransaction", raw, options))
        except RpcRefusal as refusal:
            if refusal.error == "AlreadyProcessed":
                return transaction.signature
            if refusal.error == "BlockhashNotFound":
                raise BlockhashExpired from refusal
            raise TransactionFailed(f"The node refused the transaction: {refusal}") from refusal

    async def status(self, signature: str) -> TransactionStatus:
        """What became of a transaction: of many, in one request."""
        return await self._status(signature)

    async def _status_of_all(self, signatures: Sequence[str]) -> list[TransactionStatus]:
        final_slot = self._final_slot
        found = await self._call("getSignatureStatuses", list(signatures), {"searchTransactionHistory": True})
        with reading("getSignatureStatuses"):
            statuses, slot = list(found["value"]), int(found["context"]["slot"])
            given = list(zip(signatures, statuses, strict=True))
        if None in statuses and slot < final_slot:
            raise NodeUnavailable("The RPC node is behind the one that gave the height.")
        with reading("getSignatureStatuses or getTransaction"):
            return await asyncio.gather(*(self._status_of(*each) for each in given))

    async def _status_of(self, signature: str, status: Mapping[str, Any] | None) -> TransactionStatus:
        if status is None:
            return None
        if status["confirmationStatus"] not in ENOUGH[self._commitment]:
            return Unconfirmed()
        if status["err"] is not None:
            return ProgramError(status["slot"], await self._error_of(signature, status["err"]))
        transaction = await self._transaction(signature)
        if transaction is None:  # it has landed, and this node can't tell yet what it gave
            return Unconfirmed()
        fill = fill_of(transaction)
        return Landed(
            transaction["slot"], fill.amount_out, fill.network_fee, fill.priority_fee, fill.compute_units
        )

    async def _error_of(self, signature: str, error: object) -> AttemptFailed:
        match error:
            case {"InstructionError": [int(position), {"Custom": 1}]}:  # of a transfer, or of the guard
                transaction = await self._transaction(signature)
                if transaction is not None and is_guard(transaction, position):
                    return SlippageExceeded()
        return error_of(error)

    async def _transaction(self, signature: str) -> Mapping[str, Any] | None:
        options = {
            "encoding": "json",
            "commitment": self._commitment,
            "maxSupportedTransactionVersion": 0,
        }
        found: Mapping[str, Any] | None = await self._call("getTransaction", signature, options)
        return found

    async def _call(self, method: str, *params: object) -> Any:
        """A read; a refusal of one is as good as no answer."""
        try:
            return await self._rpc.call(method, *params)
        except RpcRefusal as refusal:
            raise NodeUnavailable(f"{method}: {refusal}") from refusal


def error_of(error: object) -> AttemptFailed:
    """What a TransactionError means for the order, of a transaction that landed or was simulated.

    The numbers of program errors are those of Jupiter (6001), Raydium CP (6005), Meteora DLMM (6003) and SPL
    Token (1: insufficient funds).
    """
    match error:
        case {"InstructionError": [_, {"Custom": 6001 | 6003 | 6005}]}:
            return SlippageExceeded()
        case (
            {"InstructionError": [_, {"Custom": 1}]} | "InsufficientFundsForFee" | "InsufficientFundsForRent"
        ):
            return InsufficientFunds()
        case "BlockhashNotFound":  # of a simulation alone: then nothing landed
            return BlockhashExpired()
        case {"InstructionError": [position, reason]}:
            return TransactionFailed(f"Instruction {position} fails on the chain: {reason}.")
    return TransactionFailed(f"The transaction fails on the chain: {error}.")
