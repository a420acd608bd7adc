"""What is signed for an order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready to send; `signature` (base58, 64 bytes) is its name on the chain before it is sent.

    It can land until the chain's block height is beyond `last_valid_block_height`, and never after.
    """

    signature: str
    raw: bytes
    last_valid_block_height: int
