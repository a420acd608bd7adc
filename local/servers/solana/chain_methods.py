"""The RPC's methods about the chain and the node: slots, blockhashes, fees, health, version."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import base58

from . import fees, params
from .account_methods import API_VERSION, context
from .errors import invalid
from .ledger import BLOCKHASH_SLOTS, EPOCH_SLOTS, Ledger
from .params import Params

MOST_ADDRESSES = 128  # of getRecentPrioritizationFees
FEATURE_SET = 3640012085

Json = dict[str, Any]


class ChainMethods:
    """`methods` has them by their names on the wire. The genesis hash is derived from `seed`."""

    def __init__(self, ledger: Ledger, seed: str) -> None:
        self._ledger = ledger
        self._genesis = base58.b58encode(sha256(f"genesis|{seed}".encode()).digest()).decode()
        self.methods = {
            "getBlockHeight": self.slot,
            "getEpochInfo": self.epoch,
            "getFeeForMessage": self.fee,
            "getGenesisHash": self.genesis,
            "getHealth": self.health,
            "getLatestBlockhash": self.latest_blockhash,
            "getRecentPrioritizationFees": self.prioritization_fees,
            "getSlot": self.slot,
            "getVersion": self.version,
            "isBlockhashValid": self.is_valid,
        }

    def health(self, _: Params) -> str:
        """Always `ok`."""
        return "ok"

    def version(self, _: Params) -> Json:
        """The version of Agave whose RPC this node follows."""
        return {"solana-core": API_VERSION, "feature-set": FEATURE_SET}

    def genesis(self, _: Params) -> str:
        """The hash that identifies the chain."""
        return self._genesis

    def slot(self, given: Params) -> int:
        """The newest slot of a commitment, which is also its block height."""
        return given.object(0).slot(self._ledger)

    def epoch(self, given: Params) -> Json:
        """The epoch of the newest slot of a commitment."""
        slot = given.object(0).slot(self._ledger)
        return {
            "absoluteSlot": slot,
            "blockHeight": slot,
            "epoch": slot // EPOCH_SLOTS,
            "slotIndex": slot % EPOCH_SLOTS,
            "slotsInEpoch": EPOCH_SLOTS,
            "transactionCount": None,
        }

    def latest_blockhash(self, given: Params) -> Json:
        """The newest blockhash of a commitment, and the last block height at which it is valid."""
        slot = given.object(0).slot(self._ledger)
        blockhash, last = self._ledger.latest_blockhash(slot)
        return context(slot, {"blockhash": blockhash, "lastValidBlockHeight": last})

    def is_valid(self, given: Params) -> Json:
        """Whether a transaction with a blockhash can land in the newest slot of a commitment."""
        slot = given.object(1).slot(self._ledger)
        return context(slot, self._ledger.is_valid(params.blockhash(given.text(0)), slot))

    def fee(self, given: Params) -> Json:
        """The fee of a message in lamports, null if its blockhash is not valid."""
        slot = given.object(1).slot(self._ledger)
        message = params.message(given.text(0))
        is_valid = self._ledger.is_valid(str(message.recent_blockhash), slot)
        return context(slot, fees.fee(message) if is_valid else None)

    def prioritization_fees(self, given: Params) -> list[Json]:
        """For each of the last 150 slots the lowest price of a transaction that locked all the addresses."""
        texts = [] if given.is_empty else given.texts(0)
        if len(texts) > MOST_ADDRESSES:
            raise invalid(f"Too many inputs provided; max {MOST_ADDRESSES}")
        addresses = {str(params.address(text)) for text in texts}
        lowest: dict[int, int] = {}
        for status in self._ledger.recent():
            if addresses <= status.writes:
                lowest[status.slot] = min(status.price, lowest.get(status.slot, status.price))
        newest = self._ledger.slot
        slots = range(newest - BLOCKHASH_SLOTS + 1, newest + 1)
        return [{"slot": slot, "prioritizationFee": lowest.get(slot, 0)} for slot in slots]
