"""A transaction's bytes: 64 bytes of signature, then the message that was signed, in Solana's order.

The message is canonical JSON where Solana has its own encoding; it names everything that was agreed to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache

import base58
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from ..domain.errors import TransactionFailed

SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Leg:
    """Sell `amount_in` of `mint_in` on `venue`; if another leg gives that mint, all that it gave."""

    venue: str
    mint_in: str
    mint_out: str
    amount_in: int


@dataclass(frozen=True, slots=True)
class Message:
    """Sell `amount_in` of `mint_in` on `venue`, for at least `minimum_out` of `mint_out`; `payer` signs.

    With `legs`, they are what is executed, all or none, and `venue` is that of the largest. `priority_fee`
    lamports are offered for the transaction to be taken sooner.
    """

    payer: str
    venue: str
    mint_in: str
    mint_out: str
    amount_in: int
    minimum_out: int
    memo: str
    blockhash: str
    last_valid_block_height: int
    legs: tuple[Leg, ...] = ()
    priority_fee: int = 0

    def to_bytes(self) -> bytes:
        """The bytes that are signed: the same message, the same bytes.

        A message without legs or without a priority fee has no such key, as before there were any, so that
        every version of the engine reads it.
        """
        named = {name: getattr(self, name) for name in _FIELDS}
        if self.legs:
            named["legs"] = [[leg.venue, leg.mint_in, leg.mint_out, leg.amount_in] for leg in self.legs]
        if self.priority_fee:
            named["priority_fee"] = self.priority_fee
        return json.dumps(named, separators=(",", ":")).encode()


_FIELDS = sorted({field.name for field in fields(Message)} - {"legs", "priority_fee"})


@lru_cache(maxsize=4096)  # the wallet names what the chain is sent a moment later
def signature_text(signature: bytes) -> str:
    """A signature as clients see it: base58."""
    return base58.b58encode(signature).decode()


@lru_cache(maxsize=64)
def _verify_key(payer: str) -> VerifyKey:
    return VerifyKey(base58.b58decode(payer))


def verify(raw: bytes) -> tuple[str, Message]:
    """`(signature, message)` of a transaction that its payer has signed. Raises TransactionFailed."""
    signature, signed = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    try:
        named = json.loads(signed)
        legs = tuple(Leg(*leg) for leg in named.pop("legs", ()))
        message = Message(**named, legs=legs)
        _verify_key(message.payer).verify(signed, signature)
    except (ValueError, TypeError, AttributeError, BadSignatureError) as error:
        raise TransactionFailed("The transaction's signature does not verify.") from error
    return signature_text(signature), message
