"""A transaction's bytes: 64 bytes of signature, then the message that was signed, in Solana's order.

The message is canonical JSON where Solana has its own encoding; it names everything that was agreed to.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import base58
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from ..domain.errors import TransactionFailed

SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Message:
    """Sell `amount_in` of `mint_in` on `venue`, for at least `minimum_out` of `mint_out`; `payer` signs."""

    payer: str
    venue: str
    mint_in: str
    mint_out: str
    amount_in: int
    minimum_out: int
    memo: str
    blockhash: str
    last_valid_block_height: int

    def to_bytes(self) -> bytes:
        """The bytes that are signed: the same message, the same bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()


def verify(raw: bytes) -> tuple[str, Message]:
    """`(signature, message)` of a transaction that its payer has signed. Raises TransactionFailed."""
    signature, signed = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    try:
        message = Message(**json.loads(signed))
        VerifyKey(base58.b58decode(message.payer)).verify(signed, signature)
    except (ValueError, TypeError, BadSignatureError) as error:
        raise TransactionFailed("The transaction's signature does not verify.") from error
    return base58.b58encode(signature).decode(), message
