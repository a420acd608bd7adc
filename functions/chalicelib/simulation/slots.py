"""The simulated chain's time: a block every slot, and blockhashes that live for a number of slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import base58


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of `length_ms`, counted from 1970; a blockhash is valid for `blockhash_slots` of them.

    No slot stays empty, so a slot's number is its block's height too. Instants are unix milliseconds.
    """

    seed: str
    length_ms: int
    blockhash_slots: int

    def height(self, at_ms: int) -> int:
        """The block height at an instant."""
        return at_ms // self.length_ms

    def latest_blockhash(self, at_ms: int) -> tuple[str, int]:
        """`(blockhash, last_valid_block_height)` of the block at an instant."""
        height = self.height(at_ms)
        return _blockhash(self.seed, height), height + self.blockhash_slots

    def admits(self, blockhash: str, last_valid_block_height: int, at_ms: int) -> bool:
        """Whether a transaction with this blockhash may land at an instant."""
        height = last_valid_block_height - self.blockhash_slots
        return (
            blockhash == _blockhash(self.seed, height)
            and height <= self.height(at_ms) <= last_valid_block_height
        )

    def end_ms(self, height: int) -> int:
        """When the slot of the block at `height` is over."""
        return (height + 1) * self.length_ms


@lru_cache(maxsize=1024)  # one a slot, asked for by every transaction of the slot
def _blockhash(seed: str, height: int) -> str:
    return base58.b58encode(sha256(f"{seed}|{height}".encode()).digest()).decode()
